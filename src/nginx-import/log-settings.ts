// access_log and error_log as `log`. nginx may have a log for each location; Framegate has one, for the process and for all calls.

import { holdsForAllCalls } from './calls-under-setting.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';
import type { YamlEntry } from './yaml-text.ts';

const TO_OUTPUT =
  'the log goes to standard output, which the service manager keeps: rotation needs no signal';

/** Those that concern clients, whatever block they are in. */
interface Logs {
  readonly access: readonly Directive[];
  readonly errors: readonly Directive[];
}

export function logSettingsOf({ access, errors }: Logs, http: Scope, ledger: Ledger): readonly YamlEntry[] {
  const isForAll = holdsForAllCalls('access_log', http);
  const isOff = isForAll && access.length > 0 && access.every(isSwitchedOff);
  const file = fileOf(isOff ? errors : access, http);
  const level = levelOf([...http.own('error_log'), ...(http.parent?.own('error_log') ?? [])], isOff);
  for (const directive of access) judgeAccessLog(directive, isOff, file, ledger);
  for (const directive of errors) judgeErrorLog(directive, { level, isOff, file }, ledger);
  return [
    ...(level === undefined ? [] : [{ key: 'level', value: level.value, from: level.from }]),
    ...(isOff ? [{ key: 'access', value: false, from: access[0] }] : []),
    ...(file === undefined ? [] : [{ key: 'file', value: file.words[0], from: file }]),
  ];
}

function isSwitchedOff({ words }: Directive): boolean {
  return words[0] === 'off';
}

/** @returns undefined if some calls are logged in the file that nginx writes to by itself, or in several */
function fileOf(logs: readonly Directive[], http: Scope): Directive | undefined {
  const [first] = logs;
  return first !== undefined && holdsForAllCalls(first.name, http) ? fileOfAll(logs) : undefined;
}

/** The levels of nginx, the most lines first. */
const LEVELS: ReadonlyMap<string, string> = new Map([
  ['debug', 'debug'],
  ['info', 'info'],
  ['notice', 'info'],
  ['warn', 'warn'],
  ['error', 'error'],
  ['crit', 'error'],
  ['alert', 'error'],
  ['emerg', 'error'],
]);

/** Without a level, and with one that nginx does not have, comes last. */
function rankOf({ words }: Directive): number {
  const rank = [...LEVELS.keys()].indexOf(words[1] ?? '');
  return rank < 0 ? LEVELS.size : rank;
}

interface Level {
  readonly value: string;
  readonly from: Directive;
}

/** @param errors of the outermost blocks. @returns the level of the most lines; undefined if that is `info`, which needs no entry */
function levelOf(errors: readonly Directive[], isOff: boolean): Level | undefined {
  const [from] = errors.toSorted((one, other) => rankOf(one) - rankOf(other));
  const value = LEVELS.get(from?.words[1] ?? '');
  // Records of calls have the level info, so that a higher one would switch them off.
  return value === undefined || value === 'info' || (value !== 'debug' && !isOff)
    ? undefined
    : { value, from };
}
/** @returns the first of those that are not switched off, if all of them name one file that may be Framegate's */
function fileOfAll(logs: readonly Directive[]): Directive | undefined {
  const [first, ...others] = logs.filter((one) => !isSwitchedOff(one));
  if (first === undefined || !isOwnFile(first)) return undefined;
  return others.every((one) => one.words[0] === first.words[0] && isOwnFile(one)) ? first : undefined;
}

/**
 * Whether it is a whole log in one file. A relative name begins at a folder that nginx was built with. A folder of nginx's own belongs
 * to it: its owner is nginx, and its rotation sends signals to nginx.
 */
function isOwnFile({ words: [file = '', ...parameters] }: Directive): boolean {
  return (
    /^\/[^$]*[^$/]$/.test(file) &&
    !/^\/(?:dev|proc)\/|\/nginx\//.test(file) &&
    !parameters.some((parameter) => /^(?:if|gzip)(?:=|$)/.test(parameter))
  );
}

function judgeAccessLog(
  directive: Directive,
  isOff: boolean,
  file: Directive | undefined,
  ledger: Ledger,
): void {
  if (isOff) ledger.carry(directive, 'log.access: false');
  else if (isSwitchedOff(directive)) ledger.change(directive, 'log.access is for all calls, and stays on');
  else if (file !== undefined) {
    ledger.change(
      directive,
      'log.file, which holds JSON lines of calls and of the process; the user of Framegate has to be allowed to write there',
    );
  } else {
    ledger.change(
      directive,
      'records of calls are JSON lines on standard output, which the service manager keeps; log.file names one file for all, outside of the folders of nginx',
    );
  }
}

interface ErrorLog {
  readonly level: Level | undefined;
  readonly isOff: boolean;
  readonly file: Directive | undefined;
}

function judgeErrorLog(directive: Directive, { level, isOff, file }: ErrorLog, ledger: Ledger): void {
  const ownFile = isOff
    ? 'log.file, which holds JSON lines'
    : 'the log goes to log.file, with the records of calls';
  const place = file === undefined ? TO_OUTPUT : ownFile;
  if (directive === level?.from && directive.words[1] === level.value) {
    ledger.carry(directive, `log.level: ${level.value}; ${place}`);
    return;
  }
  const unchanged = isOff ? '' : ', as the records of calls have that level';
  const own = level === undefined ? `stays info${unchanged}` : `is ${level.value}, for the whole process`;
  ledger.change(directive, `${place}; log.level ${own}`);
}
