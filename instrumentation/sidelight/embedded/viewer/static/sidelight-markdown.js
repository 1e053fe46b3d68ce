// The HTML of markdown, which NiceGUI's sanitizer checks.
export default {
  props: { html: String },
  mounted() { this.$el.setHTML(this.html); },
  watch: { html() { this.$el.setHTML(this.html); } },
  template: `<div class="sl-markdown"></div>`,
};
