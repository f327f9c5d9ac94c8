// Messages to the person: a quiet line at the foot of the page (also read out), and questions that wait for an answer.
import { reactive, shallowReactive } from "vue";
import type { ApiError } from "./api";

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

/** The question why something is read; App.vue shows it. */
export const reasoning = shallowReactive({ error: null as ApiError | null });
let answerReason: (reason: string) => void = () => undefined;

export function giveReason(error: ApiError): Promise<string> {
  reasoning.error = error;
  return new Promise((resolve) => (answerReason = resolve));
}

/** The reason, or "" to let it be. */
export function reason(text: string) {
  reasoning.error = null;
  answerReason(text);
}

/** A refusal that deserves more than a line at the foot: shown with its cure until it is closed. */
export const refusal = shallowReactive({ error: null as ApiError | null });
