import { onBeforeUnmount, onMounted, ref, type Ref } from "vue";

/** Follows the breakpoint of the style sheets (640 px), for places where the phone shows other elements, not only other styles. */
export function usePhone(): Ref<boolean> { return useMedia("(max-width: 640px)"); }

/** Where the top bar has no room for the search box, the search page carries it. */
export function useNarrow(): Ref<boolean> { return useMedia("(max-width: 960px)"); }

function useMedia(condition: string): Ref<boolean> {
  const query = window.matchMedia(condition);
  const phone = ref(query.matches);
  const follow = () => (phone.value = query.matches);
  // addEventListener on media queries came with Safari 14
  onMounted(() => (query.addEventListener ? query.addEventListener("change", follow) : query.addListener(follow)));
  onBeforeUnmount(() => (query.removeEventListener ? query.removeEventListener("change", follow) : query.removeListener(follow)));
  return phone;
}
