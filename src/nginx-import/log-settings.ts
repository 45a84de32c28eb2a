// access_log and error_log as `log`. nginx may have a log for each location; Framegate has one, for the process and for all calls.

import { holdsForAllCalls } from './calls-under-setting.ts';
import { type Directive, placeText } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';
import { type YamlEntry, YamlMap } from './yaml-text.ts';

/** Two programs must not write to one file, and nginx goes on writing to its own while both run. */
const OWN_FILE = '/var/log/framegate/framegate.log';
const TO_OUTPUT =
  'the log goes to standard output, which the service manager keeps: rotation needs no signal';

/** Those that concern clients, whatever block they are in. */
interface Logs {
  readonly access: readonly Directive[];
  readonly errors: readonly Directive[];
}

/** @returns the section `log`, if there is anything to say in it */
export function logSettingsOf({ access, errors }: Logs, http: Scope, ledger: Ledger): readonly YamlEntry[] {
  const isForAll = holdsForAllCalls('access_log', http);
  const isOff = isForAll && access.length > 0 && access.every(isSwitchedOff);
  const file = fileOf(isOff ? errors : access, http);
  const level = levelOf([...http.own('error_log'), ...(http.parent?.own('error_log') ?? [])], isOff);
  for (const directive of access) judgeAccessLog(directive, isOff, file, ledger);
  for (const directive of errors) judgeErrorLog(directive, { level, isOff }, ledger);
  const entries = [
    ...(level === undefined ? [] : [{ key: 'level', value: level.value, from: level.from }]),
    ...(isOff ? [{ key: 'access', value: false, from: access[0] }] : []),
  ];
  if (entries.length === 0 && file === undefined) return [];
  const advice =
    file === undefined
      ? []
      : [
          `For a file instead of standard output write a path of Framegate's own here, such as file: ${OWN_FILE}`,
          `(nginx writes to ${file.words[0]}, ${placeText(file)})`,
        ];
  return [{ key: 'log', value: new YamlMap(entries), above: advice }];
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

/** @returns the first of those that are not switched off, if all of them name one file */
function fileOfAll(logs: readonly Directive[]): Directive | undefined {
  const [first, ...others] = logs.filter((one) => !isSwitchedOff(one));
  if (first === undefined || !isOwnFile(first)) return undefined;
  return others.every((one) => one.words[0] === first.words[0] && isOwnFile(one)) ? first : undefined;
}

/**
 * Whether it is a whole log in one file that was chosen for it. A relative name begins at a folder that nginx was built with.
 */
function isOwnFile({ words: [file = '', ...parameters] }: Directive): boolean {
  return (
    /^\/[^$]*[^$/]$/.test(file) &&
    !/^\/(?:dev|proc)\//.test(file) &&
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
  else {
    const own = file === undefined ? '' : `, such as ${OWN_FILE}, since nginx writes to this one`;
    ledger.change(
      directive,
      `records of calls are JSON lines on standard output, which the service manager keeps; log.file names one file for all, of Framegate's own${own}`,
    );
  }
}

interface ErrorLog {
  readonly level: Level | undefined;
  readonly isOff: boolean;
}

function judgeErrorLog(directive: Directive, { level, isOff }: ErrorLog, ledger: Ledger): void {
  if (directive === level?.from && directive.words[1] === level.value) {
    ledger.carry(directive, `log.level: ${level.value}; ${TO_OUTPUT}`);
    return;
  }
  const unchanged = isOff ? '' : ', as the records of calls have that level';
  const own = level === undefined ? `stays info${unchanged}` : `is ${level.value}, for the whole process`;
  ledger.change(directive, `${TO_OUTPUT}; log.level ${own}`);
}
