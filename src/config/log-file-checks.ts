// Finds out whether the file of `log.file` can be written. `check` opens nothing: a file that is not there is made by `serve`.

import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from './error-code.ts';
import type { Finding } from './problem.ts';
import { mapOf, textOf } from './raw-value.ts';
import { besideConfig } from './resolve-config.ts';
import { writingFault } from './system-error.ts';

export function findLogFileProblems(document: unknown, configFile: string): readonly Finding[] {
  const name = textOf(mapOf(mapOf(document).get('log')).get('file'));
  if (name === undefined || name === '') return [];
  const file = besideConfig(configFile, name);
  const why = whyNotWritable(file);
  return why === undefined ? [] : [logFileFinding(`${file}: ${why}`)];
}

/** A file holds JSON: text is made by a process between the proxy and its standard output. */
export function findLogFormatProblems(document: unknown): readonly Finding[] {
  const log = mapOf(mapOf(document).get('log'));
  if (log.get('format') !== 'text' || !log.has('file')) return [];
  const message = 'text is for standard output, and log.file holds JSON lines';
  const hint = 'remove format, or file';
  return [{ severity: 'error', path: ['log', 'format'], at: 'value', message, hint }];
}

/** @param reason begins with the file */
export function logFileFinding(reason: string): Finding {
  const hint = 'name a file in a folder that the user of this process may write to';
  return {
    severity: 'error',
    path: ['log', 'file'],
    at: 'value',
    message: `cannot be written: ${reason}`,
    hint,
  };
}

function whyNotWritable(file: string): string | undefined {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) accessSync(dirname(file), constants.W_OK | constants.X_OK);
    else if (found.isDirectory()) return 'it is a folder';
    else if (!found.isFile()) return 'it is no regular file';
    else accessSync(file, constants.W_OK);
    return undefined;
  } catch (error) {
    return errorCode(error) === 'ENOTDIR'
      ? 'a part of its path is a file, not a folder'
      : writingFault(error);
  }
}
