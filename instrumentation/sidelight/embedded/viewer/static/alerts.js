// Firing alerts, pending alerts and inactive rules, each with its runbook.
import Markdown from "sidelight-markdown";
import { clock } from "sidelight-chart";

export default {
  components: { SlMarkdown: Markdown },
  props: { body: Object },
  emits: ["runbook"],
  data: () => ({ open: null, opened: null }),
  mounted() { this.openNamed(); },
  watch: { body() { this.openNamed(); } },
  methods: {
    // The address can name an alert, whose first row is opened once.
    openNamed() {
      const alerts = this.body.groups.flatMap((group) => group.alerts);
      const one = alerts.find(({ name }) => name === this.body.open);
      if (!one || this.opened === this.body.open) return;
      [this.open, this.opened] = [one.key, this.body.open];
      Vue.nextTick(() => this.$el.querySelector("article.open")?.scrollIntoView({ block: "center" }));
    },
    when: (text) => (text ? clock(Date.parse(text)) : ""),
    toggle(one) {
      this.open = this.open === one.key ? null : one.key;
      if (this.open) this.$emit("runbook", one.name);
    },
  },
  template: `
    <div class="sl-alerts">
      <p v-if="body.problem" class="sl-error"><b>!</b>{{ body.problem }}</p>
      <p v-else-if="!body.groups.length" class="sl-loading">Loading …</p>
      <section v-for="group in body.groups" class="sl-panel" :data-state="group.state">
        <header><h3>{{ group.title }}</h3><small>{{ group.alerts.length }}</small></header>
        <p v-if="!group.alerts.length" class="sl-empty">{{ group.empty }}</p>
        <article v-for="one in group.alerts" :key="one.key" :class="{ open: open === one.key }">
          <button type="button" class="sl-alert" @click="toggle(one)" :aria-expanded="open === one.key">
            <i :class="'sl-state ' + one.state + ' ' + one.severity"></i>
            <span class="sl-name"><b>{{ one.name }}</b><time v-if="one.since">since {{ when(one.since) }}</time></span>
            <span class="sl-summary">{{ one.summary }}</span>
            <span v-if="one.state === 'firing'" class="sl-description">{{ one.description }}</span>
            <span class="sl-labels"><code v-for="(text, name) in one.labels">{{ name }}={{ text }}</code></span>
          </button>
          <div v-if="open === one.key" class="sl-detail">
            <p v-if="one.description && one.state !== 'firing'">{{ one.description }}</p>
            <p v-if="one.problem" class="sl-error"><b>!</b>{{ one.problem }}</p>
            <p><a v-if="one.dashboard" :href="one.dashboard">Open the dashboard</a></p>
            <pre>{{ one.expr }}</pre>
            <sl-markdown v-if="body.runbooks[one.name]" :html="body.runbooks[one.name]"></sl-markdown>
            <p v-else-if="one.runbook">Runbook: {{ one.runbook }}</p>
          </div>
        </article>
      </section>
    </div>`,
};
