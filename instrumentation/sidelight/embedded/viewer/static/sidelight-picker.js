// A button that opens a list of options, of which one or several are selected. A long list has a search.
const ALL = "$__all";
const LONG = 8;

export default {
  props: { label: String, name: String, options: Array, selected: Array, multi: Boolean, includeAll: Boolean, align: String },
  emits: ["select"],
  data: () => ({ open: false, search: "", draft: [] }),
  computed: {
    text() {
      if (this.selected[0] === ALL) return "All";
      const named = this.selected.map((value) => this.options.find((one) => one.value === value)?.text ?? (value || "(empty)"));
      return named.length > 2 ? `${named[0]} + ${named.length - 1} more` : named.join(" + ");
    },
    matching() {
      const wanted = this.search.toLowerCase();
      const offered = new Set(this.options.map((one) => one.value));
      const missing = this.draft.filter((value) => value !== ALL && !offered.has(value)).map((value) => ({ value, text: value || "(empty)" }));
      return [...missing, ...this.options].filter((one) => one.text.toLowerCase().includes(wanted));
    },
    searched() { return this.options.length > LONG; },
  },
  mounted() {
    this.outside = (event) => this.open && !this.$el.contains(event.target) && this.close();
    document.addEventListener("pointerdown", this.outside);
  },
  beforeUnmount() { document.removeEventListener("pointerdown", this.outside); },
  methods: {
    toggle() {
      if (this.open) return this.close();
      this.draft = [...this.selected];
      this.search = "";
      this.open = true;
      Vue.nextTick(() => (this.$refs.search ?? this.$refs.list?.querySelector("button"))?.focus());
    },
    // The selected options are sent once, when the list closes.
    close() {
      this.open = false;
      const changed = this.draft.length !== this.selected.length || this.draft.some((value) => !this.selected.includes(value));
      if (this.multi && changed) this.$emit("select", this.draft.length ? this.draft : [ALL]);
    },
    cancel() {
      this.draft = [...this.selected];
      this.open = false;
      this.$refs.button.focus();
    },
    only(value) {
      this.draft = [value];
      this.open = false;
      if (this.selected.length !== 1 || this.selected[0] !== value) this.$emit("select", [value]);
      this.$refs.button.focus();
    },
    tick(value) {
      const others = this.draft.filter((one) => one !== ALL && one !== value);
      this.draft = this.draft.includes(value) ? others : [...others, value];
    },
    take(value) { this.multi ? this.tick(value) : this.only(value); },
    move(by) {
      const items = [...this.$refs.list.querySelectorAll("button.sl-option")];
      const at = items.indexOf(document.activeElement);
      items[Math.min(Math.max(at + by, 0), items.length - 1)]?.focus();
    },
  },
  template: `
    <div class="sl-picker" :data-picker="name" @keydown.esc.stop="cancel" @keydown.down.prevent="open ? move(1) : toggle()" @keydown.up.prevent="open && move(-1)">
      <button ref="button" type="button" class="sl-chip" :aria-expanded="open" aria-haspopup="listbox" @click="toggle" :title="label + ': ' + text">
        <span v-if="label">{{ label }}</span><b>{{ text }}</b><i>▾</i>
      </button>
      <div v-if="open" class="sl-menu" :class="align" ref="list" role="listbox" :aria-label="label" :aria-multiselectable="multi">
        <input v-if="searched" ref="search" v-model="search" placeholder="Search" :aria-label="'Search ' + label"
               @keydown.enter="matching.length && only(matching[0].value)">
        <div class="sl-options">
          <button v-if="includeAll && !search" type="button" class="sl-option" role="option" :aria-selected="draft[0] === '${ALL}'" @click="only('${ALL}')">
            <i class="sl-tick">{{ draft[0] === '${ALL}' ? '✓' : '' }}</i>All</button>
          <div v-for="one in matching" class="sl-line" :key="one.value">
            <button type="button" class="sl-option" role="option" :aria-selected="draft.includes(one.value)" @click="take(one.value)" :title="one.text">
              <i class="sl-tick" :class="{ box: multi }">{{ draft.includes(one.value) ? '✓' : '' }}</i>{{ one.text }}</button>
            <button v-if="multi" type="button" class="sl-only" @click="only(one.value)">only</button>
          </div>
          <p v-if="!matching.length">No results</p>
        </div>
        <slot :close="cancel"></slot>
      </div>
    </div>`,
};
