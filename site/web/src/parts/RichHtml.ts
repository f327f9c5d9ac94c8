// The rich text of an article, through the closed list of markup.ts.
import { defineComponent, h } from "vue";
import { rich } from "../markup";

export default defineComponent({
  props: { html: { type: String, required: true } },
  setup: (props) => () => h("div", { class: "prose" }, rich(props.html)),
});
