// Text with markup from the server, read against a closed list. Nothing here ever becomes innerHTML of a page.
import { h, type VNodeChild } from "vue";
import { RouterLink } from "vue-router";

export interface Piece { text: string; mark: boolean }

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** Highlighted text: <mark> and escaped characters are understood, every other tag stays visible as the text it is. */
export function pieces(html: string): Piece[] {
  const out: Piece[] = [];
  let mark = false;
  html.split(/(<\/?mark>)/).forEach((part) => {
    if (part === "<mark>") mark = true;
    else if (part === "</mark>") mark = false;
    else if (part) out.push({ text: unescaped(part), mark });
  });
  return out;
}

function unescaped(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{2,5});/gi, (whole, name: string) => {
    if (name[0] !== "#") return name in ENTITIES ? ENTITIES[name] : whole;
    const code = name[1] === "x" || name[1] === "X" ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

const PLAIN: Record<string, string> = {
  p: "p", br: "br", hr: "hr", b: "b", strong: "strong", i: "em", em: "em", u: "u", s: "s", del: "s", sub: "sub", sup: "sup",
  ul: "ul", ol: "ol", li: "li", blockquote: "blockquote", code: "code", h2: "h2", h3: "h3", h4: "h4",
};
/** What is left out with everything inside it; other unknown tags leave their text. */
const DROPPED = ["script", "style", "template", "iframe", "object", "embed", "svg", "math", "noscript", "title", "head", "textarea", "select"];
const DEEPEST = 40;

/** Rich text as elements of the page: tags of the closed list without any attribute, and links to safe addresses. */
export function rich(html: string): VNodeChild[] {
  // a parsed document is inert: no script runs, nothing is fetched
  return children(new DOMParser().parseFromString(html, "text/html").body, 0);
}

function children(node: Node, depth: number): VNodeChild[] {
  const out: VNodeChild[] = [];
  if (depth > DEEPEST) return out;
  Array.from(node.childNodes).forEach((child) => {
    if (child.nodeType === Node.TEXT_NODE) out.push(child.nodeValue);
    else if (child.nodeType === Node.ELEMENT_NODE) out.push(...element(child as Element, depth));
  });
  return out;
}

function element(node: Element, depth: number): VNodeChild[] {
  const name = node.localName;
  if (DROPPED.indexOf(name) >= 0) return [];
  const inside = children(node, depth + 1);
  if (name === "a") return [link(node.getAttribute("href") || "", inside)];
  return PLAIN[name] ? [h(PLAIN[name], PLAIN[name] === "br" || PLAIN[name] === "hr" ? undefined : inside)] : inside;
}

function link(href: string, inside: VNodeChild[]): VNodeChild {
  const to = safe(href);
  if (!to) return h("span", inside);
  if (/^\/h\//.test(to)) return h(RouterLink, { to }, () => inside);
  return h("a", to[0] === "/" || to[0] === "#" ? { href: to } : { href: to, rel: "noopener noreferrer nofollow", target: "_blank" }, inside);
}

/** The address when it is one of this site, a web page, a mail address or a telephone number; "" for anything else. */
function safe(href: string): string {
  // browsers skip control characters inside a scheme: "java\nscript:"
  const text = href.replace(/[\u0000-\u0020\u007f]+/g, "");
  if (/^(https?:\/\/|mailto:|tel:|#)/i.test(text)) return text;
  return text[0] === "/" && text[1] !== "/" && text[1] !== "\\" ? text : "";
}
