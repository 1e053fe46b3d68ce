// The bar at the top: dashboards, what is chosen, the time, how often anew, and the theme.
import { clock } from "sidelight-chart";
import Picker from "sidelight-picker";

const EVERY = ["", "5s", "10s", "1m"];
const RANGES = ["5m", "15m", "1h", "6h", "24h"];

export default {
  components: { Picker },
  props: { state: Object },
  emits: ["go", "choose", "time", "every", "again", "watched"],
  data: () => ({ since: "", until: "", theme: document.documentElement.dataset.theme }),
  computed: {
    ranges: () => RANGES.map((text) => ({ value: text, text: `Last ${text}` })),
    everies: () => EVERY.map((text) => ({ value: text, text: text || "Off" })),
    range() {
      const { since, until } = this.state;
      if (until === "now" && since.startsWith("now-")) return since.slice(4);
      return `${this.words(since)} to ${this.words(until)}`;
    },
    rangeOptions() {
      return RANGES.includes(this.range) ? this.ranges : [{ value: this.range, text: this.range }, ...this.ranges];
    },
    everyOptions() {
      return EVERY.includes(this.state.every) ? this.everies : [...this.everies, { value: this.state.every, text: this.state.every }];
    },
  },
  watch: {
    "state.url": { handler(url) { this.visit(url); }, immediate: true },
    "state.title": { handler(title) { document.title = title; }, immediate: true },
  },
  mounted() {
    document.addEventListener("click", (this.onClick = (event) => this.follow(event)));
    window.addEventListener("popstate", (this.onPop = () => this.$emit("go", { path: location.pathname + location.search })));
    document.addEventListener("visibilitychange", (this.onWatched = () => this.$emit("watched", !document.hidden)));
    window.addEventListener("sidelight:zoom", (this.onZoom = ({ detail }) => this.$emit("time", detail)));
  },
  beforeUnmount() {
    document.removeEventListener("click", this.onClick);
    window.removeEventListener("popstate", this.onPop);
    document.removeEventListener("visibilitychange", this.onWatched);
    window.removeEventListener("sidelight:zoom", this.onZoom);
  },
  methods: {
    visit(url) {
      if (!url || url === location.pathname + location.search) return;
      const other = url.split("?")[0] !== location.pathname;
      history[location.search || other ? "pushState" : "replaceState"](null, "", url);
      if (other) window.scrollTo(0, 0);
    },
    // A link within the viewer needs no new page; with a modifier key it is the browser's.
    follow(event) {
      const link = event.target.closest?.("a[href]");
      if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      if (link.target === "_blank" || link.origin !== location.origin || !/^\/(d\/|slow|alerts)/.test(link.pathname)) return;
      event.preventDefault();
      this.$emit("go", { path: link.pathname + link.search });
    },
    words: (moment) => (/^\d+$/.test(moment) ? clock(Number(moment)).slice(5) : moment),
    opened() {
      [this.since, this.until] = [this.words(this.state.since), this.words(this.state.until)];
    },
    moment(text) {
      if (/^now(-\d+[smhdwMy])?$/.test(text.trim())) return text.trim();
      const found = text.trim().match(/^(?:(\d{4})-)?(\d\d)-(\d\d) (\d\d:\d\d(?::\d\d)?)$/);
      if (!found) return text.trim();
      return String(new Date(`${found[1] ?? new Date().getFullYear()}-${found[2]}-${found[3]}T${found[4]}`).getTime());
    },
    apply(close) {
      close();
      this.$emit("time", { from: this.moment(this.since), to: this.moment(this.until) });
    },
    choose(name, values) { this.$emit("choose", { name, values }); },
    shade() {
      this.theme = this.theme === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = this.theme;
      try { localStorage.setItem("sidelight-theme", this.theme); } catch { /* a browser that keeps nothing */ }
      window.dispatchEvent(new Event("sidelight:theme"));
    },
  },
  template: `
    <div class="sl-bar" :class="{ busy: state.busy }">
      <div class="sl-top">
        <a class="sl-brand" href="/d/sidelight-fleet"><i></i>Sidelight</a>
        <nav aria-label="Pages"><a v-for="one in state.pages" :href="one.href" :class="{ here: one.here, after: one.after }" :aria-current="one.here ? 'page' : null">{{ one.title }}<b v-if="one.count">{{ one.count }}</b></a></nav>
        <button type="button" class="sl-icon sl-theme" @click="shade" :aria-label="'Use the ' + (theme === 'dark' ? 'light' : 'dark') + ' theme'" :title="'Use the ' + (theme === 'dark' ? 'light' : 'dark') + ' theme'">{{ theme === 'dark' ? '☀' : '☾' }}</button>
      </div>
      <div class="sl-choices">
        <picker v-for="one in state.variables" :key="one.name" :name="one.name" :label="one.label" :options="one.options" :chosen="one.chosen"
                :multi="one.multi" :all="one.all" @choose="(values) => choose(one.name, values)"></picker>
        <span class="sl-space"></span>
        <span class="sl-source" :class="{ bad: state.problem }" :title="state.problem || state.source">{{ state.problem || state.source }}</span>
        <template v-if="state.timed">
          <picker name="time" label="" :options="rangeOptions" :chosen="[range]" align="right" @click="opened" @choose="([one]) => $emit('time', { from: 'now-' + one, to: 'now' })">
            <template #default="{ close }">
              <form class="sl-custom" @submit.prevent="apply(close)">
                <label>From <input v-model="since" aria-label="From" spellcheck="false"></label>
                <label>To <input v-model="until" aria-label="To" spellcheck="false"></label>
                <button type="submit">Apply</button>
              </form>
            </template>
          </picker>
        </template>
        <span class="sl-pair">
          <button type="button" class="sl-chip sl-again" @click="$emit('again')" aria-label="Refresh now" title="Refresh now">⟳</button>
          <picker name="every" label="" :options="everyOptions" :chosen="[state.every]" align="right" @choose="([one]) => $emit('every', one)"></picker>
        </span>
      </div>
    </div>`,
};
