// HTML made of markdown, through the page's sanitizer; links to other runbooks open here.
export default {
  props: { html: String },
  mounted() { this.$el.setHTML(this.html); },
  watch: { html() { this.$el.setHTML(this.html); } },
  template: `<div class="sl-markdown"></div>`,
};
