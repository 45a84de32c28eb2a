// Explains records of calls, as the access log has them, by their fields: the status with who has sent it, and what has been done to the call
// on purpose. What `reason` says is found by its words (log-line.ts).

import { type QuotingText, readPage } from './page.ts';
import { symptomOfStatus } from './symptom.ts';

/** The fields that are there only if they say something. */
const TELLING = ['dryRun', 'fault'];
/** The words of `dryRun` where they stand without their field. */
const OF_DRY_RUN = /\bwould be (?:refused|ended|paced) by (?:limits\[|…)/;
/** A text may hold a whole log. */
const MOST_RECORDS = 8;

type Fields = Readonly<Record<string, unknown>>;

/**
 * @returns what the documentation says of the fields of records of calls in the text, or of a field whose name is the whole text
 * @throws if the documentation is not installed beside the program
 */
export function explainCallRecord(text: string): readonly QuotingText[] {
  const records = recordsIn(text);
  const found = records.flatMap(textsOf);
  const [, name] = /^\s*(\w+)\s*$/.exec(text) ?? [];
  if (name !== undefined) found.push(...fieldText(name));
  if (records.length === 0 && OF_DRY_RUN.test(text)) found.push(...fieldText('dryRun'));
  return [...new Map(found.map((one) => [one.text, one])).values()];
}

function recordsIn(text: string): readonly Fields[] {
  const records: Fields[] = [];
  for (const piece of [text, ...text.split('\n')]) {
    const begin = piece.indexOf('{');
    const fields = begin === -1 ? undefined : parse(piece.slice(begin, piece.lastIndexOf('}') + 1));
    if (
      fields !== undefined &&
      typeof fields['endedBy'] === 'string' &&
      !records.some((one) => isSame(one, fields))
    )
      records.push(fields);
    if (records.length === MOST_RECORDS) break;
  }
  return records;
}

function isSame(one: Fields, other: Fields): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function textsOf(record: Fields): readonly QuotingText[] {
  const status = statusOf(record);
  const telling = TELLING.filter((name) => typeof record[name] === 'string').flatMap(fieldText);
  return status === undefined ? telling : [statusText(status, record), ...telling];
}

/** @returns such as `UNIMPLEMENTED` or `HTTP 415`; undefined if the call ended well, or its client has ended it */
function statusOf({ grpcStatus, httpStatus, endedBy }: Fields): string | undefined {
  if (endedBy === 'downstream') return undefined;
  if (typeof grpcStatus === 'string' && /^[A-Z_]{1,32}$/.test(grpcStatus))
    return grpcStatus === 'OK' ? undefined : grpcStatus;
  return typeof httpStatus === 'number' && httpStatus >= 400 ? `HTTP ${httpStatus}` : undefined;
}

function statusText(status: string, { endedBy }: Fields): QuotingText {
  const symptom = symptomOfStatus(status);
  if (endedBy !== 'upstream') {
    const unknown = `# ${status}\n\nFramegate has ended the call (\`endedBy\`), and \`reason\` says why.\n`;
    return { title: status, text: symptom?.text ?? unknown };
  }
  const cause = symptom?.ofService === undefined ? '' : `\n\nThe likely cause: ${symptom.ofService}`;
  return {
    title: status,
    text: `# ${status}, from the service\n\nThe service has answered the call with this status (\`endedBy\` is \`upstream\`), and Framegate has passed it on. \`endpoint\` of the record says which server it was: look at the log of that server.${cause}\n`,
  };
}

/** @returns the row of docs/access-log.md about a field of records */
function fieldText(name: string): readonly QuotingText[] {
  const rows = Array.from(readPage('reasons').matchAll(/^\| ((?:`\w+`(?:, )?)+) \| (.*) \|$/gm));
  return rows
    .filter(([, names]) => names.split(', ').includes(`\`${name}\``))
    .map(([, names, means]) => ({
      title: names,
      text: `# ${names.replaceAll('`', '')} in the record of a call\n\nThe field ${names} is ${means}.\n`,
    }));
}
