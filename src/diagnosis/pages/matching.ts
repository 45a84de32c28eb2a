// Finds the pages that fit what somebody has seen: a line of a log, the exception of a client, the error page of another proxy.

import { STATUS_CODES } from 'node:http';
import type { DiagnosisPage, QuotingText } from './page.ts';

export interface Match<Text extends QuotingText = DiagnosisPage | QuotingText> {
  readonly page: Text;
  /** The words of the page that the text contains; undefined if the text names the code or the token of the page. */
  readonly words: string | undefined;
}

/** A word as it is compared, and as it is shown. */
interface Word {
  readonly key: string;
  readonly shown: string;
}

type Words = readonly Word[];

interface Quote {
  readonly words: Words;
  /** The HTTP statuses in it. A text with other statuses says something else, however many words it shares. */
  readonly statuses: readonly string[];
}

/** Longer texts are cut: the time to compare grows with the text, and what matters in an exception stands at its start. */
const MOST_WORDS = 2_000;
const MOST_LETTERS = 64 * 1024;
/** Each way in which a listener refuses a client before its first call is a `Socket closed` to grpcio. */
const MOST_MATCHES = 8;
/** What the shared words have to weigh. One word that only one page has weighs 4.5, a word that each page has weighs 0. */
const LEAST_WEIGHT = 6;
/** What they have to weigh if they are all of the text, such as `Connection refused`. */
const LEAST_WEIGHT_OF_ALL = 3;
/** So many words count whatever else the text contains; fewer count if they are at least half of the text. */
const ENOUGH_WORDS = 3;
/** What a word weighs at least, so that a longer run of words that each page has weighs more than a shorter one. */
const LEAST_OF_WORD = 0.01;
/** A page counts beside the best one if its words weigh at least this part of the best one's. */
const LEAST_SHARE = 0.8;

/** @returns the pages whose code or token the text names; or else those that quote a part of the text, the best one first */
export function matchPages<Text extends QuotingText>(
  text: string,
  pages: readonly Text[],
): readonly Match<Text>[] {
  const asWords = wordsOf(text)
    .map(({ key }) => key)
    .join('_');
  const named = pages.filter((page) => isNamed(page, text) || isTokenInWords(page, asWords));
  if (named.length > 0) return named.map((page) => ({ page, words: undefined }));
  const words = wordsOf(text).slice(0, MOST_WORDS);
  const statuses = new Set(statusesOf(words));
  const quotes = new Map(pages.map((page) => [page, quotesOf(page)]));
  const weights = weightsOf([...quotes.values()]);
  const runs = pages
    .map((page) => {
      const fitting = quotes.get(page)?.filter((quote) => isOfOneStatus(quote, statuses)) ?? [];
      return { page, ...heaviestRun(words, fitting, weights) };
    })
    .filter(({ weight, run }) => {
      const isEnough = run.length >= ENOUGH_WORDS || run.length * 2 >= words.length;
      return isEnough && weight >= (run.length === words.length ? LEAST_WEIGHT_OF_ALL : LEAST_WEIGHT);
    })
    .toSorted((one, other) => other.weight - one.weight);
  return runs
    .filter(({ weight }) => weight >= runs[0].weight * LEAST_SHARE)
    .toSorted((one, other) => Number(isItsToken(other.page, words)) - Number(isItsToken(one.page, words)))
    .slice(0, MOST_MATCHES)
    .map(({ page, run }) => ({ page, words: run.map(({ shown }) => shown).join(' ') }));
}

function isNamed(page: Partial<DiagnosisPage>, text: string): boolean {
  const { code, token } = page;
  if (code === undefined || token === undefined) return false;
  // A token of one word, such as `draining`, is also a word of the language: it counts as a value, or alone.
  if (!token.includes('_') && !new RegExp(`^\\s*${token}\\s*$|"${token}[":]|\\b${token}: `).test(text)) {
    return new RegExp(`\\b${code}\\b`, 'i').test(text);
  }
  return new RegExp(`\\b(?:${code}|${token})\\b`, 'i').test(text);
}

/** Whether the text is the token of the page in words, such as `Deadline Exceeded`, and nothing else. */
function isTokenInWords({ token = '' }: Partial<DiagnosisPage>, text: string): boolean {
  return token.includes('_') && token === text;
}

/** Whether the text has the token of the page in words, such as `Deadline Exceeded`. Other pages quote them as one of several symptoms. */
function isItsToken({ token = '' }: Partial<DiagnosisPage>, text: Words): boolean {
  const inWords = ` ${token.replaceAll('_', ' ')} `;
  return token.includes('_') && ` ${text.map(({ key }) => key).join(' ')} `.includes(inWords);
}

/** @returns what the page quotes of logs and clients, each as its words; what stands on both sides of an ellipsis is apart */
function quotesOf({ title, text }: QuotingText): readonly Quote[] {
  const inBackticks = Array.from(text.matchAll(/`([^`\n]+(?:\n[^`\n]+)*)`/g), ([, quote]) => quote);
  const inJson = Array.from(
    text.matchAll(/"(?:msg|reason|detail)":"((?:[^"\\]|\\.)*)"/g),
    ([, quote]) => quote,
  );
  const inTables = text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => line.split(' | '));
  const foreign = partsOf([title, ...inBackticks, ...inTables]);
  return [
    ...foreign.map((words) => ({ words, statuses: statusesOf(words) })),
    // In a sentence of Framegate's own the status is an example, since the sentence is the same for others.
    ...partsOf(inJson).map((words) => ({ words, statuses: [] })),
  ].filter(({ words }) => words.length > 0);
}

function partsOf(quotes: readonly string[]): readonly Words[] {
  return quotes.flatMap((quote) => quote.split('…')).map(wordsOf);
}

/** Whether the quote has a status of the text, unless one of the two has none at all. */
function isOfOneStatus({ statuses }: Quote, ofText: ReadonlySet<string>): boolean {
  return statuses.length === 0 || ofText.size === 0 || statuses.some((status) => ofText.has(status));
}

/** @returns the numbers that are HTTP statuses, since a word shortly before them says so */
function statusesOf(words: Words): readonly string[] {
  const shown = words.map((word) => word.shown);
  return shown.filter(
    (word, index) =>
      Object.hasOwn(STATUS_CODES, word) &&
      shown
        .slice(Math.max(0, index - 2), index)
        .some((before) => /^(?:https?|http\d?|status|code)$/i.test(before)),
  );
}

/** Numbers, addresses and quotation marks differ between what a page quotes and what somebody has seen. */
function wordsOf(text: string): Words {
  const plain = text
    .slice(0, MOST_LETTERS)
    .replaceAll(/\\["n]/g, ' ')
    .replaceAll(/\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\[[\da-f]*(?::[\da-f]*)+\](?::\d+)?/g, ' ');
  const words = plain.match(/[\p{L}\p{N}]+(?:[.'*-][\p{L}\p{N}]+)*/gu) ?? [];
  return words.map((shown) => ({ key: shown.toLowerCase().replaceAll(/\d+/g, '0'), shown }));
}

/** @returns for each word how rare it is among the pages: the logarithm of the number of pages for each page that has it */
function weightsOf(pages: readonly (readonly Quote[])[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const quotes of pages) {
    for (const word of new Set(quotes.flatMap(({ words }) => words).map(({ key }) => key)))
      counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return new Map(Array.from(counts, ([word, count]) => [word, Math.log(pages.length / count)]));
}

/** @returns the run of words that both the text and one of the quotes contain, and that weighs the most */
function heaviestRun(
  words: Words,
  quotes: readonly Quote[],
  weights: ReadonlyMap<string, number>,
): { readonly weight: number; readonly run: Words } {
  let best: { weight: number; run: Words } = { weight: 0, run: [] };
  for (const { words: quote } of quotes) {
    // The weight of the run that ends at each word of the quote and at the current word of the text.
    const ending = new Float64Array(quote.length + 1);
    for (const { key } of words) {
      // From behind, since each entry follows from the one before it as it was at the previous word of the text.
      for (let index = quote.length; index > 0; index--) {
        if (quote[index - 1].key !== key) {
          ending[index] = 0;
          continue;
        }
        const weight = ending[index - 1] + (weights.get(key) ?? 0) + LEAST_OF_WORD;
        ending[index] = weight;
        if (weight > best.weight) best = { weight, run: runEndingAt(quote, index, weight, weights) };
      }
    }
  }
  return best;
}

function runEndingAt(quote: Words, end: number, weight: number, weights: ReadonlyMap<string, number>): Words {
  let start = end;
  let rest = weight;
  while (start > 0 && rest > LEAST_OF_WORD / 2) {
    start--;
    rest -= (weights.get(quote[start].key) ?? 0) + LEAST_OF_WORD;
  }
  return quote.slice(start, end);
}
