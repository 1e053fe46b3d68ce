// The panels of a row, below a title that collapses the row.
export default {
  props: { title: String, collapsed: Boolean },
  data() { return { open: !this.collapsed }; },
  template: `
    <div class="sl-section">
      <h2 v-if="title"><button type="button" @click="open = !open" :aria-expanded="open"><i>{{ open ? '▾' : '▸' }}</i>{{ title }}</button></h2>
      <div class="sl-row" v-show="open"><slot></slot></div>
    </div>`,
};
