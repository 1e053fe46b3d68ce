// One panel: its head, and its body in one of the forms of sidelight/viewer/asking.py.
import { Chart, clock, isDark, readable } from "sidelight-chart";
import Markdown from "sidelight-markdown";

const TABLE = {
  props: { body: Object, dark: Boolean },
  data: () => ({ own: null }),
  computed: {
    sort() { return this.own ?? this.body.sort; },
    rows() {
      const { column, descending } = this.sort;
      if (column < 0 || !this.own) return this.body.rows;
      const [known, unknown] = [[], []];
      for (const row of this.body.rows) (row[column][0] === null ? unknown : known).push(row);
      const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
      known.sort((one, other) => order(one[column][0], other[column][0]) * (descending ? -1 : 1));
      return [...known, ...unknown];
    },
  },
  methods: {
    by(column) {
      const again = this.sort.column === column;
      this.own = { column, descending: again ? !this.sort.descending : this.body.columns[column].number };
    },
    text(cell, at) { return this.body.columns[at].time ? clock(cell[0] * 1000) : cell[1]; },
    ink(cell) { return cell[2] ? { color: readable(cell[2], this.dark) } : null; },
  },
  template: `
    <div class="sl-table"><table>
      <thead><tr>
        <th v-for="(column, at) in body.columns" :class="{ number: column.number }"
            :aria-sort="sort.column === at ? (sort.descending ? 'descending' : 'ascending') : null">
          <button type="button" @click="by(at)">{{ column.name }}<i v-if="sort.column === at">{{ sort.descending ? '↓' : '↑' }}</i></button>
        </th>
      </tr></thead>
      <tbody>
        <tr v-for="row in rows">
          <td v-for="(cell, at) in row" :class="{ number: body.columns[at].number }" :style="ink(cell)" :title="text(cell, at)">
            <a v-if="cell[3]" :href="cell[3]">{{ text(cell, at) }}</a><template v-else>{{ text(cell, at) }}</template>
          </td>
        </tr>
      </tbody>
    </table></div>`,
};

export default {
  components: { SlTable: TABLE, SlMarkdown: Markdown },
  props: { head: Object, body: Object },
  emits: ["seen", "zoom"],
  data: () => ({ only: null, seen: false, dark: isDark() }),
  mounted() {
    this.observer = new IntersectionObserver(([one]) => this.see(one.isIntersecting), { rootMargin: "240px 0px" });
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
    this.drop();
  },
  watch: { body() { this.draw(); } },
  methods: {
    // `dark` is named, so that another theme draws the colours anew.
    shade(colour) { return readable(colour, this.dark); },
    see(seen) {
      if (seen === this.seen) return;
      this.seen = seen;
      this.$emit("seen", seen);
      if (seen) this.draw();
    },
    // Charts out of sight are drawn when they come into it.
    draw() {
      const body = Vue.toRaw(this.body);
      if (body.kind !== "chart") return this.drop();
      if (!this.seen || this.drawn === body) return;
      Vue.nextTick(() => {
        if (!this.$refs.chart || Vue.toRaw(this.body) !== body) return;
        this.chart ??= new Chart(this.$refs.chart, (from, to) => this.$emit("zoom", { from, to }));
        this.drawn = body;
        if (this.only && !body.option.legend.some(({ name }) => name === this.only)) this.only = null;
        this.chart.only = this.only;
        this.chart.show(body.option);
      });
    },
    drop() {
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
        <h3>{{ head.title }}</h3>
        <span v-if="head.description" class="sl-info" tabindex="0" role="note" :aria-label="head.description">i<span>{{ head.description }}</span></span>
        <a v-for="link in head.links" :href="link.url">{{ link.title }}</a>
        <span v-if="body.remarks?.length" class="sl-info sl-remark" tabindex="0" role="note">!<span><p v-for="text in body.remarks">{{ text }}</p></span></span>
      </header>
      <div class="sl-body">
        <template v-if="body.kind === 'chart'">
          <div class="sl-canvas" ref="chart"></div>
          <div v-if="body.option.heat" class="sl-scale">
            <span>{{ body.option.heat.low }}</span>
            <i v-for="shade in dark ? body.option.heat.night : body.option.heat.shades" :style="{ background: shade }"></i>
            <span>{{ body.option.heat.high }}</span>
          </div>
          <div v-else-if="body.option.legend.length && head.legend" class="sl-legend">
            <button v-for="one in body.option.legend" type="button" :class="{ off: only && only !== one.name }"
                    @click="isolate(one.name)" :title="one.name + '  ' + one.last">
              <i :class="{ dashed: one.dashed }" :style="{ color: shade(one.colour) }"></i>{{ one.name }}
            </button>
          </div>
        </template>
        <div v-else-if="body.kind === 'stat'" class="sl-figures">
          <div v-for="one in body.figures" :class="{ words: one.words }">
            <small v-if="one.name">{{ one.name }}</small>
            <strong :style="one.colour ? { color: shade(one.colour) } : null">{{ one.text }}</strong>
          </div>
        </div>
        <div v-else-if="body.kind === 'bars'" class="sl-bars">
          <div v-for="one in body.bars"><a v-if="one.href" :href="one.href" :title="one.name">{{ one.name }}</a><span v-else :title="one.name">{{ one.name }}</span>
            <b><i :style="{ width: one.full * 100 + '%', background: shade(one.colour) }"></i></b><em :style="one.ink ? { color: shade(one.ink) } : null">{{ one.text }}</em></div>
        </div>
        <sl-table v-else-if="body.kind === 'table'" :body="body" :dark="dark"></sl-table>
        <sl-markdown v-else-if="body.kind === 'text'" :html="body.html"></sl-markdown>
        <p v-else-if="body.kind === 'empty'" class="sl-nothing">
          <span><template v-for="part in body.parts"><a v-if="part.href" :href="part.href">{{ part.text }}</a><template v-else>{{ part.text }}</template></template></span>
        </p>
        <p v-else-if="body.kind === 'error'" class="sl-error"><b>!</b>{{ body.text }}</p>
        <p v-else class="sl-waiting"></p>
      </div>
    </section>`,
};
