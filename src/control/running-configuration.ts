// Which configuration a running proxy has, by its answer to GET /api/config, and whether it is a certain one. The commands and the doctor
// must agree on that: an order to the wrong proxy is worse than none.

import { realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { isStandardInput } from '../config/standard-input.ts';
import { fieldOf, listOf, textOf } from './answer-fields.ts';

export interface RunningConfiguration {
  /** As the proxy was told it, '' if it does not say. */
  readonly file: string;
  /** The folder from which it is named, '' if the proxy does not say. */
  readonly folder: string;
  /** The addresses of its listeners, as written. */
  readonly addresses: ReadonlySet<string>;
}

/** A configuration here, and the file it was read from. */
export interface ConfigurationHere {
  readonly file: string;
  /** Undefined if the file has errors. */
  readonly config: Pick<Config, 'listeners'> | undefined;
}

/** @returns undefined if the answer is none of Framegate */
export function readRunningConfiguration(body: unknown): RunningConfiguration | undefined {
  const config = fieldOf(body, 'config');
  if (typeof fieldOf(body, 'epoch') !== 'number' || typeof config !== 'object' || config === null)
    return undefined;
  const addresses = listOf(fieldOf(config, 'listeners'))
    .map((listener) => textOf(fieldOf(fieldOf(listener, 'address'), 'text')))
    .filter((text) => text !== '');
  return {
    file: textOf(fieldOf(config, 'file')),
    folder: textOf(fieldOf(body, 'workingDirectory')),
    addresses: new Set(addresses),
  };
}

/**
 * Whether a proxy runs with the configuration here. Where its file cannot be found from here, as that of a container or one that came
 * by standard input, its listeners tell.
 * @returns undefined if it says nothing of either
 */
export function runsWith(
  running: RunningConfiguration,
  { file, config }: ConfigurationHere,
): boolean | undefined {
  const { file: theirs, folder, addresses } = running;
  const byFile =
    theirs === '' || isStandardInput(theirs) || isStandardInput(file)
      ? undefined
      : isSameFile(file, theirs, folder);
  if (byFile !== undefined) return byFile;
  if (addresses.size === 0 || config === undefined) return undefined;
  return config.listeners.some(({ address }) => addresses.has(address.text));
}

/**
 * @param folder where a process runs that names `theirs`, '' if that is not known
 * @returns undefined if it cannot be told
 */
export function isSameFile(file: string, theirs: string, folder: string): boolean | undefined {
  if (folder === '' && !isAbsolute(theirs)) return undefined;
  const paths = [realPath(file), realPath(resolve(folder, theirs))];
  return paths.includes(undefined) ? undefined : paths[0] === paths[1];
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
