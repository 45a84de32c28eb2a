// Finds what the table of symptoms in docs/operating.md says of a status that stands alone, or of a sentence that it quotes.

import { type QuotingText, readPage, sectionOf } from './page.ts';

export interface Symptom extends QuotingText {
  /** What it says of a status that the service itself has sent, if it says so. */
  readonly ofService: string | undefined;
}

/** `UNAVAILABLE`, `unavailable`, `StatusCode.UNAVAILABLE`, `code = Unavailable`, `HTTP 503`, `HTTP status 503`. */
const STATUS = /^\s*(?:StatusCode\.|code = )?([A-Za-z_]+|HTTP(?:\/[\d.]+)?(?: status)?:? ?[45]\d\d)\s*$/i;
/** `HTTP/1.1 503 Service Unavailable`, as `curl -i` shows it. */
const STATUS_LINE = /^\s*(HTTP\/[\d.]+ [45]\d\d) [A-Za-z -]{1,40}$/;
/** A quotation with fewer words may stand in other texts. */
const SENTENCE = /^\S+(?: \S+){2,}$/;

/**
 * @returns the rows about a status if the text is nothing else, or those that quote a sentence of the text
 * @throws if the documentation is not installed beside the program
 */
export function explainSymptom(text: string): readonly QuotingText[] {
  const [, status] = STATUS.exec(text) ?? STATUS_LINE.exec(text.trimEnd()) ?? [];
  const plain = text.replaceAll(/\s+/g, ' ');
  return symptoms((name) =>
    status === undefined ? SENTENCE.test(name) && plain.includes(name) : keyOf(name) === keyOf(status),
  );
}

/** @throws if the documentation is not installed beside the program */
export function symptomOfStatus(status: string): Symptom | undefined {
  return symptoms((name) => keyOf(name) === keyOf(status))[0];
}

function symptoms(isMeant: (quoted: string) => boolean): readonly Symptom[] {
  const section = sectionOf(readPage('messages'), 'When something is wrong');
  return Array.from(section.matchAll(/^\| (.*?) \| (.*) \| (.*) \|$/gm))
    .filter(([, symptom]) => Array.from(symptom.matchAll(/`([^`]+)`/g)).some(([, name]) => isMeant(name)))
    .map(([, symptom, where, cause]) => ({
      title: symptom,
      text: `# ${symptom.replaceAll('`', '')}\n\nWhere to look: ${where}\n\nThe likely cause: ${cause}\n`,
      ofService: /`upstream`: ([^;]*)/.exec(cause)?.[1],
    }));
}

function keyOf(name: string): string {
  return name
    .toUpperCase()
    .replace(/^HTTP(?:\/[\d.]+)?(?: STATUS)?:? ?(?=\d)/, 'HTTP ')
    .replaceAll('_', '');
}
