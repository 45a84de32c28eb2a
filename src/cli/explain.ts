// `framegate explain`: shows the page of a diagnosis in the terminal, or finds the pages that fit a text.

import { suggest } from '../config/suggestion.ts';
import { visibleText } from '../config/visible-text.ts';
import { explainAlerts } from '../diagnosis/pages/alert.ts';
import { explainCallRecord } from '../diagnosis/pages/call-record.ts';
import { explainLogLine } from '../diagnosis/pages/log-line.ts';
import { type Match, matchPages } from '../diagnosis/pages/matching.ts';
import { type DiagnosisPage, type QuotingText, readPages, readSections } from '../diagnosis/pages/page.ts';
import { explainSymptom } from '../diagnosis/pages/symptom.ts';
import { readOptions } from './options.ts';
import { pageText } from './page-text.ts';

const usage = `Usage: framegate explain [CODE | TEXT | -]

Shows what a diagnosis means, how it looks to clients, and what to do.

  framegate explain                 lists all diagnoses
  framegate explain FG1001          shows the page of a code or of a token
  framegate explain "TEXT"          finds what explains a line of a log, or what a
                                    client said (also of nginx, gRPC's libraries and others),
                                    or an alert by its name
  COMMAND | framegate explain -     reads the text from standard input

  -h, --help   show this help

Exit code: 0 when there is something to show, 1 when nothing fits.
`;

const CODE = /^FG\d+$/i;
/** A code of which the letters were left out. */
const BARE_CODE = /^\s*(\d{4})\s*$/;
/** A problem as `check` prints it, with or without its file. */
const PROBLEM = /(?:^|:\d+:\d+ )([a-z][\w.[\]-]*) – (?:warning: )?\S/m;
/** The message of the records of calls. */
const RECORD_OF_CALL = 'exchange finished';
const WIDEST = 110;
const LONGEST_ECHO = 64;
/** Of standard input. A whole log is no text to explain. */
const LONGEST_INPUT_BYTES = 1_048_576;

export async function explain(argv: readonly string[]): Promise<number> {
  const parsed = readOptions(
    argv,
    { help: { type: 'boolean', short: 'h', default: false } },
    Number.POSITIVE_INFINITY,
  );
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${usage}`);
  if (parsed.values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const installed = readDocumentation();
  if (typeof installed === 'string') return fail(`${installed}\n`);
  const { pages, sections } = installed;
  // A text without quotation marks around it arrives word by word.
  const [first] = parsed.positionals;
  const isInput = parsed.positionals.length === 1 && first === '-';
  const given = isInput ? await readInput() : parsed.positionals.join(' ');
  const wanted = given?.replace(BARE_CODE, 'FG$1');
  if (wanted === undefined)
    return fail('the text is longer than 1 MiB: give the lines that matter, such as those of `tail`\n');
  if (first === undefined) return list(pages);
  if (wanted.trim() === '') return fail('there is no text to explain\n');
  const found = matchPages(wanted, [...pages, ...sections]);
  // A code in the text says more than the line that has it; a line of Framegate's own says more than words that pages share with it.
  const isNamed = found.some(({ words }) => words === undefined);
  const lines = isNamed ? [] : explainOwnLines(wanted);
  if (lines.length > 0) return showTexts(lines);
  return found.length === 0 ? fail(nothingFits(wanted.trim(), pages)) : show(found);
}

/** @returns what the documentation says of a status, of alerts, and of lines that Framegate has written */
function explainOwnLines(text: string): readonly QuotingText[] {
  const symptoms = explainSymptom(text);
  if (symptoms.length > 0) return symptoms;
  const found = [...explainAlerts(text), ...explainCallRecord(text), ...explainLogLine(text)];
  // That a line is the record of a call is worth saying only if nothing is known of its fields.
  const telling = found.filter(({ title }) => title !== RECORD_OF_CALL);
  return telling.length > 0 ? telling : found;
}

/** @returns undefined if there is too much of it */
async function readInput(): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of process.stdin) {
    if (!Buffer.isBuffer(piece)) continue;
    bytes += piece.length;
    if (bytes > LONGEST_INPUT_BYTES) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

interface Documentation {
  readonly pages: readonly DiagnosisPage[];
  readonly sections: readonly QuotingText[];
}

function readDocumentation(): Documentation | string {
  try {
    return { pages: readPages(), sections: readSections() };
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return `the documentation is not installed beside this program (${cause}); install the whole package, docs included`;
  }
}

function list(pages: readonly DiagnosisPage[]): number {
  for (const { code, token, title } of pages) {
    process.stdout.write(`${code}  ${title} (${token})\n`);
  }
  return 0;
}

/** Shows a text if it alone fits, or the text's own lines name it; a list if there are several. */
function show(matches: readonly Match[]): number {
  const [{ page, words }] = matches;
  if (matches.length === 1) {
    if (words !== undefined) process.stdout.write(`${placeOf(page)} quotes: ${words}\n\n`);
    return showTexts([page]);
  }
  process.stdout.write(
    `${matches.length} explanations fit; framegate explain CODE shows the page of one, and a whole line finds fewer.\n\n`,
  );
  for (const match of matches) {
    const name = 'code' in match.page ? match.page.code : OTHERS;
    process.stdout.write(`${name}  ${match.page.title}\n`);
    if (match.words !== undefined) process.stdout.write(`        it quotes: ${match.words}\n`);
  }
  return 0;
}

/** The page of errors that are not Framegate's, where there is a code for others. */
const OTHERS = 'errors-of-others.md:';

function placeOf(page: DiagnosisPage | QuotingText): string {
  return 'code' in page ? `The page of ${page.code}` : 'docs/errors-of-others.md';
}

function showTexts(texts: readonly QuotingText[]): number {
  for (const { text } of texts) process.stdout.write(pageText(text, terminalWidth(), process.stdout));
  return 0;
}

function nothingFits(wanted: string, pages: readonly DiagnosisPage[]): string {
  if (!/\s/.test(wanted)) {
    const known = pages.flatMap(({ code, token }) => [code, token]);
    const meant = CODE.test(wanted) ? closestCode(wanted.toUpperCase(), pages) : suggest(wanted, known);
    const kind = CODE.test(wanted) ? 'code' : 'code, token or quotation';
    const suggestion = meant === undefined ? '' : ` Did you mean ${meant}?`;
    return `no page has the ${kind} "${visibleText(wanted.slice(0, LONGEST_ECHO))}".${suggestion} framegate explain lists all.\n`;
  }
  const key = PROBLEM.exec(wanted)?.[1];
  if (key !== undefined) {
    const shown = visibleText(key.slice(0, LONGEST_ECHO));
    return `this is a problem that framegate check finds at ${shown}; what to do about it stands in brackets at its end. docs/configuration-reference.md describes the key.\n`;
  }
  return 'no page quotes this text. Give more of it, such as the whole line; framegate explain lists all diagnoses, and framegate doctor examines a set-up.\n';
}

/** Codes differ in digits alone, so a spelling that is close says nothing; a code of the same group may be meant. */
function closestCode(code: string, pages: readonly DiagnosisPage[]): string | undefined {
  const group = pages.map((page) => page.code).filter((known) => known.startsWith(code.slice(0, 5)));
  return group.length === 0 ? undefined : group.slice(0, 5).join(', ');
}

function terminalWidth(): number {
  return Math.min(process.stdout.isTTY ? process.stdout.columns || 80 : 100, WIDEST);
}

function fail(message: string): number {
  process.stderr.write(`framegate explain: ${message}`);
  return 1;
}
