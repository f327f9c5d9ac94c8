import { onBeforeUnmount, onMounted } from "vue";

/** j and k walk through the links marked data-row; Enter on the focused one opens it. In fields letters stay letters. */
export function useRowKeys() {
  function keys(event: KeyboardEvent) {
    if ((event.key !== "j" && event.key !== "k") || event.ctrlKey || event.metaKey || event.altKey || writing(event.target) || document.querySelector("dialog[open]")) return;
    const links = Array.from(document.querySelectorAll<HTMLElement>("[data-row]"));
    if (!links.length) return;
    const i = links.indexOf(document.activeElement as HTMLElement);
    const to = links[event.key === "j" ? Math.min(links.length - 1, i + 1) : Math.max(0, i - 1)];
    to.focus();
    to.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  }
  onMounted(() => document.addEventListener("keydown", keys));
  onBeforeUnmount(() => document.removeEventListener("keydown", keys));
}

/** True where a letter belongs to what the person is typing. */
export function writing(target: EventTarget | null): boolean {
  return !!target && /^(INPUT|TEXTAREA|SELECT)$/.test((target as HTMLElement).tagName);
}
