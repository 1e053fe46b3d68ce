// The bar at the top: links to the pages, variables, the time range, the refresh interval and the theme.
import { clock } from "sidelight-chart";
import Picker from "sidelight-picker";

const INTERVALS = ["", "5s", "10s", "1m"];
const RANGES = ["5m", "15m", "1h", "6h", "24h"];

export default {
  components: { Picker },
  props: { state: Object },
  emits: ["open", "select", "time", "interval", "refresh", "visible"],
  data: () => ({ from: "", to: "", theme: document.documentElement.dataset.theme }),
  computed: {
    ranges: () => RANGES.map((text) => ({ value: text, text: `Last ${text}` })),
    intervals: () => INTERVALS.map((text) => ({ value: text, text: text || "Off" })),
    range() {
      const { from, to } = this.state;
      if (to === "now" && from.startsWith("now-")) return from.slice(4);
      return `${this.display(from)} to ${this.display(to)}`;
    },
    rangeOptions() {
      return RANGES.includes(this.range) ? this.ranges : [{ value: this.range, text: this.range }, ...this.ranges];
    },
    intervalOptions() {
      const { refresh } = this.state;
      return INTERVALS.includes(refresh) ? this.intervals : [...this.intervals, { value: refresh, text: refresh }];
    },
  },
  watch: {
    "state.url": { handler(url) { this.setAddress(url); }, immediate: true },
    "state.title": { handler(title) { document.title = title; }, immediate: true },
  },
  mounted() {
    document.addEventListener("click", (this.onClick = (event) => this.follow(event)));
    window.addEventListener("popstate", (this.onPop = () => this.$emit("open", { path: location.pathname + location.search })));
    document.addEventListener("visibilitychange", (this.onVisibility = () => this.$emit("visible", !document.hidden)));
    window.addEventListener("sidelight:zoom", (this.onZoom = ({ detail }) => this.$emit("time", detail)));
  },
  beforeUnmount() {
    document.removeEventListener("click", this.onClick);
    window.removeEventListener("popstate", this.onPop);
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.removeEventListener("sidelight:zoom", this.onZoom);
  },
  methods: {
    setAddress(url) {
      if (!url || url === location.pathname + location.search) return;
      const other = url.split("?")[0] !== location.pathname;
      history[location.search || other ? "pushState" : "replaceState"](null, "", url);
      if (other) window.scrollTo(0, 0);
    },
    // A link within the viewer loads no new page, unless a modifier key is pressed.
    follow(event) {
      const link = event.target.closest?.("a[href]");
      if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      if (link.target === "_blank" || link.origin !== location.origin || !/^\/(d\/|slow|alerts)/.test(link.pathname)) return;
      event.preventDefault();
      this.$emit("open", { path: link.pathname + link.search });
    },
    display: (time) => (/^\d+$/.test(time) ? clock(Number(time)).slice(5) : time),
    editTime() {
      [this.from, this.to] = [this.display(this.state.from), this.display(this.state.to)];
    },
    parseTime(text) {
      if (/^now(-\d+[smhdwMy])?$/.test(text.trim())) return text.trim();
      const found = text.trim().match(/^(?:(\d{4})-)?(\d\d)-(\d\d) (\d\d:\d\d(?::\d\d)?)$/);
      if (!found) return text.trim();
      return String(new Date(`${found[1] ?? new Date().getFullYear()}-${found[2]}-${found[3]}T${found[4]}`).getTime());
    },
    apply(close) {
      close();
      this.$emit("time", { from: this.parseTime(this.from), to: this.parseTime(this.to) });
    },
    select(name, values) { this.$emit("select", { name, values }); },
    switchTheme() {
      this.theme = this.theme === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = this.theme;
      try { localStorage.setItem("sidelight-theme", this.theme); } catch { /* the browser has no storage */ }
      window.dispatchEvent(new Event("sidelight:theme"));
    },
  },
  template: `
    <div class="sl-bar" :class="{ loading: state.loading }">
      <div class="sl-top">
        <a class="sl-brand" href="/d/sidelight-fleet"><i></i>Sidelight</a>
        <nav aria-label="Pages"><a v-for="one in state.pages" :href="one.href" :class="{ current: one.current, separated: one.separated }" :aria-current="one.current ? 'page' : null">{{ one.title }}<b v-if="one.count">{{ one.count }}</b></a></nav>
        <button type="button" class="sl-icon sl-theme" @click="switchTheme" :aria-label="'Use the ' + (theme === 'dark' ? 'light' : 'dark') + ' theme'" :title="'Use the ' + (theme === 'dark' ? 'light' : 'dark') + ' theme'">{{ theme === 'dark' ? '☀' : '☾' }}</button>
      </div>
      <div class="sl-choices">
        <picker v-for="one in state.variables" :key="one.name" :name="one.name" :label="one.label" :options="one.options" :selected="one.selected"
                :multi="one.multi" :include-all="one.includeAll" @select="(values) => select(one.name, values)"></picker>
        <span class="sl-space"></span>
        <span class="sl-source" :class="{ failed: state.problem }" :title="state.problem || state.source">{{ state.problem || state.source }}</span>
        <template v-if="state.hasTimeRange">
          <picker name="time" label="" :options="rangeOptions" :selected="[range]" align="right" @click="editTime" @select="([one]) => $emit('time', { from: 'now-' + one, to: 'now' })">
            <template #default="{ close }">
              <form class="sl-custom" @submit.prevent="apply(close)">
                <label>From <input v-model="from" aria-label="From" spellcheck="false"></label>
                <label>To <input v-model="to" aria-label="To" spellcheck="false"></label>
                <button type="submit">Apply</button>
              </form>
            </template>
          </picker>
        </template>
        <span class="sl-pair">
          <button type="button" class="sl-chip sl-refresh" @click="$emit('refresh')" aria-label="Refresh now" title="Refresh now">⟳</button>
          <picker name="interval" label="" :options="intervalOptions" :selected="[state.refresh]" align="right" @select="([one]) => $emit('interval', one)"></picker>
        </span>
      </div>
    </div>`,
};
