// Messages to the person: a quiet line at the foot of the page (also read out), and questions that wait for an answer.
import { reactive } from "vue";

export const notices = reactive({ text: "", spoken: "", tone: "plain" as "plain" | "wrong" });

let timer = 0;

/** Shows and reads out one sentence for six seconds. */
export function tell(text: string, tone: "plain" | "wrong" = "plain") {
  notices.text = text;
  notices.tone = tone;
  say(text);
  clearTimeout(timer);
  timer = window.setTimeout(() => (notices.text = ""), 6000);
}

/** Only for the ear: page titles, counts. */
export function say(text: string) {
  notices.spoken = "";
  window.setTimeout(() => (notices.spoken = text), 30);
}

export interface Question { title: string; text?: string; yes: string; no?: string }
export const asking = reactive({ question: null as Question | null });
let answer: (yes: boolean) => void = () => undefined;

export function ask(question: Question): Promise<boolean> {
  asking.question = question;
  return new Promise((resolve) => (answer = resolve));
}

export function reply(yes: boolean) {
  asking.question = null;
  answer(yes);
}
