// One panel: its head, and its body in one of the forms that panel_data.py makes.
import { Chart, clock, isDark, readable } from "sidelight-chart";
import Markdown from "sidelight-markdown";

const TABLE = {
  props: { body: Object, dark: Boolean },
  data: () => ({ userSort: null }),
  computed: {
    sort() { return this.userSort ?? this.body.sort; },
    rows() {
      const { column, descending } = this.sort;
      if (column < 0 || !this.userSort) return this.body.rows;
      const [withValue, without] = [[], []];
      for (const row of this.body.rows) (row[column][0] === null ? without : withValue).push(row);
      const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
      withValue.sort((one, other) => order(one[column][0], other[column][0]) * (descending ? -1 : 1));
      return [...withValue, ...without];
    },
  },
  methods: {
    sortBy(column) {
      const same = this.sort.column === column;
      this.userSort = { column, descending: same ? !this.sort.descending : this.body.columns[column].number };
    },
    text(cell, at) { return this.body.columns[at].time ? clock(cell[0] * 1000) : cell[1]; },
    style(cell) { return cell[2] ? { color: readable(cell[2], this.dark) } : null; },
  },
  template: `
    <div class="sl-table"><table>
      <thead><tr>
        <th v-for="(column, at) in body.columns" :class="{ number: column.number }"
            :aria-sort="sort.column === at ? (sort.descending ? 'descending' : 'ascending') : null">
          <button type="button" @click="sortBy(at)">{{ column.name }}<i v-if="sort.column === at">{{ sort.descending ? '↓' : '↑' }}</i></button>
        </th>
      </tr></thead>
      <tbody>
        <tr v-for="row in rows">
          <td v-for="(cell, at) in row" :class="{ number: body.columns[at].number }" :style="style(cell)" :title="text(cell, at)">
            <a v-if="cell[3]" :href="cell[3]">{{ text(cell, at) }}</a><template v-else>{{ text(cell, at) }}</template>
          </td>
        </tr>
      </tbody>
    </table></div>`,
};

export default {
  components: { SlTable: TABLE, SlMarkdown: Markdown },
  props: { head: Object, body: Object },
  emits: ["visible", "zoom"],
  data: () => ({ only: null, visible: false, dark: isDark() }),
  mounted() {
    this.observer = new IntersectionObserver(([one]) => this.setVisible(one.isIntersecting), { rootMargin: "240px 0px" });
    this.observer.observe(this.$el);
    this.onTheme = () => {
      this.dark = isDark();
      if (this.chart?.option) this.chart.draw();
    };
    window.addEventListener("sidelight:theme", this.onTheme);
  },
  beforeUnmount() {
    this.observer.disconnect();
    window.removeEventListener("sidelight:theme", this.onTheme);
    this.dispose();
  },
  watch: { body() { this.draw(); } },
  methods: {
    // Reading `dark` makes Vue render the colors again when the theme changes.
    readable(color) { return readable(color, this.dark); },
    setVisible(visible) {
      if (visible === this.visible) return;
      this.visible = visible;
      this.$emit("visible", visible);
      if (visible) this.draw();
    },
    // A chart is drawn when it becomes visible.
    draw() {
      const body = Vue.toRaw(this.body);
      if (body.kind !== "chart") return this.dispose();
      if (!this.visible || this.drawn === body) return;
      Vue.nextTick(() => {
        if (!this.$refs.chart || Vue.toRaw(this.body) !== body) return;
        this.chart ??= new Chart(this.$refs.chart, (from, to) => this.$emit("zoom", { from, to }));
        this.drawn = body;
        if (this.only && !body.option.legend.some(({ name }) => name === this.only)) this.only = null;
        this.chart.only = this.only;
        this.chart.show(body.option);
      });
    },
    dispose() {
      this.chart?.dispose();
      this.chart = this.drawn = null;
    },
    isolate(name) {
      this.only = this.only === name ? null : name;
      this.chart?.select(this.only);
    },
  },
  template: `
    <section class="sl-panel" :class="['is-' + body.kind, { small: head.small }]" :data-panel="head.title" :data-kind="body.kind">
      <header>
        <h3>{{ body.title ?? head.title }}</h3>
        <span v-if="head.description" class="sl-info" tabindex="0" role="note" :aria-label="head.description">i<span>{{ head.description }}</span></span>
        <a v-for="link in head.links" :href="link.url">{{ link.title }}</a>
        <span v-if="body.remarks?.length" class="sl-info sl-remark" tabindex="0" role="note">!<span><p v-for="text in body.remarks">{{ text }}</p></span></span>
      </header>
      <div class="sl-body">
        <template v-if="body.kind === 'chart'">
          <div class="sl-canvas" ref="chart"></div>
          <div v-if="body.option.heat" class="sl-scale">
            <span>{{ body.option.heat.low }}</span>
            <i v-for="color in dark ? body.option.heat.darkColors : body.option.heat.lightColors" :style="{ background: color }"></i>
            <span>{{ body.option.heat.high }}</span>
          </div>
          <div v-else-if="body.option.legend.length && head.legend" class="sl-legend">
            <button v-for="one in body.option.legend" type="button" :class="{ off: only && only !== one.name }"
                    @click="isolate(one.name)" :title="one.name + '  ' + one.last">
              <i :class="{ dashed: one.dashed }" :style="{ color: readable(one.color) }"></i>{{ one.name }}
            </button>
          </div>
        </template>
        <div v-else-if="body.kind === 'stat'" class="sl-stats">
          <div v-for="one in body.values" :class="{ name: one.isName }">
            <small v-if="one.name">{{ one.name }}</small>
            <strong :style="one.color ? { color: readable(one.color) } : null">{{ one.text }}</strong>
          </div>
        </div>
        <div v-else-if="body.kind === 'bars'" class="sl-bars">
          <div v-for="one in body.bars"><a v-if="one.href" :href="one.href" :title="one.name">{{ one.name }}</a><span v-else :title="one.name">{{ one.name }}</span>
            <b><i :style="{ width: one.share * 100 + '%', background: readable(one.color) }"></i></b><em :style="one.textColor ? { color: readable(one.textColor) } : null">{{ one.text }}</em></div>
        </div>
        <sl-table v-else-if="body.kind === 'table'" :body="body" :dark="dark"></sl-table>
        <sl-markdown v-else-if="body.kind === 'text'" :html="body.html"></sl-markdown>
        <p v-else-if="body.kind === 'empty'" class="sl-empty" :style="body.color ? { color: readable(body.color) } : null">
          <span><template v-for="part in body.parts"><a v-if="part.href" :href="part.href">{{ part.text }}</a><template v-else>{{ part.text }}</template></template></span>
        </p>
        <p v-else-if="body.kind === 'error'" class="sl-error"><b>!</b>{{ body.text }}</p>
        <p v-else class="sl-loading"></p>
      </div>
    </section>`,
};
