// access_log and error_log as `log`. nginx may have a log for each location; Framegate has one, for the process and for all calls.

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
  const isOff = access.length > 0 && access.every(isSwitchedOff);
  const file = isOff ? fileOfAll(errors) : holdsEverywhere(http) ? fileOfAll(access) : undefined;
  const debug = errors.find(({ words }) => words[1] === 'debug');
  for (const directive of access) judgeAccessLog(directive, isOff, file, ledger);
  for (const directive of errors) judgeErrorLog(directive, directive === debug, file, ledger);
  return [
    ...(debug === undefined ? [] : [{ key: 'level', value: 'debug', from: debug }]),
    ...(isOff ? [{ key: 'access', value: false, from: access[0] }] : []),
    ...(file === undefined ? [] : [{ key: 'file', value: file.words[0], from: file }]),
  ];
}

function isSwitchedOff({ words }: Directive): boolean {
  return words[0] === 'off';
}

/** Whether no server is left with the file that nginx writes to by itself. */
function holdsEverywhere(http: Scope): boolean {
  return (
    http.own('access_log').length > 0 ||
    http.own('server').every(({ block }) => block?.some(({ name }) => name === 'access_log'))
  );
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

function judgeErrorLog(
  directive: Directive,
  isDebug: boolean,
  file: Directive | undefined,
  ledger: Ledger,
): void {
  const place = file === undefined ? TO_OUTPUT : 'the log goes to log.file, with the records of calls';
  if (isDebug) ledger.carry(directive, `log.level: debug; ${place}`);
  else if (file?.name === 'error_log')
    ledger.change(directive, 'log.file, which holds JSON lines; log.level stays info');
  else ledger.change(directive, `${place}; log.level stays info, as the records of calls have that level`);
}
