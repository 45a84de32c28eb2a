// Reads a configuration of nginx with all its includes, from files or from the output of `nginx -T`. All problems are
// collected, so that a person can fix them at once. A file that is not an nginx configuration gets one sentence.

import { basename, dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import { recogniseMistakenFile } from '../config/mistaken-file.ts';
import { isStandardInput } from '../config/standard-input.ts';
import { readBytes } from './bounded-file.ts';
import type { Directive, Place, ReadingFault } from './directive.ts';
import { FileSearch, fitsPattern, hasWildcard } from './file-pattern.ts';
import { DEEPEST, MOST_DIRECTIVES, parseNginx } from './nginx-syntax.ts';
import { readUserFiles } from './user-files.ts';

export interface NginxConfiguration {
  readonly directives: readonly Directive[];
  /** The folder that nginx takes relative names of files from; undefined where that is not known (standard input). */
  readonly folder: string | undefined;
  /** The files of auth_basic_user_file that could be read, by their names in the directive. They hold hashes, which nobody may be shown. */
  readonly userFiles?: ReadonlyMap<string, string>;
}

export type NginxReading =
  | { readonly configuration: NginxConfiguration }
  | { readonly faults: readonly ReadingFault[] };

const MOST_INCLUDES = 10_000;
/** That patterns of includes lead through. */
const MOST_NAMES = 100_000;
const DEEPEST_INCLUDES = 32;

const MARKER = /^# configuration file (.+):\r?$/gm;
const BYTE_ORDER_MARK = /^\ufeff/;

/** Names that only a configuration of nginx begins with. A file that has none of them is something else. */
const TOP_LEVEL: ReadonlySet<string> = new Set(
  (
    'http events server upstream location stream mail include load_module map worker_processes user daemon pid ' +
    'error_log listen server_name grpc_pass proxy_pass'
  ).split(' '),
);

/** A file before it is parsed, and the number of its first line in what it was cut from. */
interface Source {
  readonly name: string;
  readonly text: string;
}

/** Where included files come from: the disk, or the output of `nginx -T`. */
interface Library {
  /** @returns the names of the files that a pattern, an absolute path, stands for; undefined if it leads through too many names */
  find(pattern: string): readonly string[] | undefined;
  /** @returns a sentence about why it cannot be read */
  read(path: string): Source | string;
}

/**
 * @param file its name as a person gave it; `-` is standard input. What is read is named from the folder of the file, as nginx names what it
 * includes.
 */
export function readNginx(file: string): NginxReading {
  const bytes = readBytes(isStandardInput(file) ? 0 : file);
  const name = isStandardInput(file) ? '<stdin>' : file;
  if (typeof bytes === 'string') return refuse(name, `cannot be read: ${bytes}`);
  const text = decode(bytes);
  if (text === undefined) return refuse(name, 'is not UTF-8 text, but something else');
  if (isStandardInput(file) && text.trim() === '') return refuse(name, NOTHING_CAME);
  return readNginxText(text, name, isStandardInput(file) ? undefined : dirname(resolve(file)));
}

/** @param folder where the file is; undefined for a text from elsewhere, whose includes only `nginx -T` can tell */
export function readNginxText(text: string, name: string, folder: string | undefined): NginxReading {
  const dumped = splitDump(text);
  const [main] = dumped.keys();
  if (main !== undefined) {
    const source = { name: main, text: dumped.get(main) ?? '' };
    return new Reader(dirname(main), libraryOfDump(dumped)).read(source, main);
  }
  if (folder === undefined) {
    return new Reader(undefined, libraryOfDump(dumped)).read({ name, text }, name);
  }
  const shown = basename(name);
  const reading = new Reader(folder, libraryOfDisk(folder)).read({ name: shown, text }, join(folder, shown));
  if ('faults' in reading) return reading;
  const { configuration } = reading;
  return { configuration: { ...configuration, userFiles: readUserFiles(configuration.directives, folder) } };
}

function decode(bytes: Buffer): string | undefined {
  try {
    // The decoder takes the byte order mark away.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** @returns the files of what `nginx -T` printed, in its order, the main one first; none if the text is no such output */
function splitDump(text: string): ReadonlyMap<string, string> {
  const marks = [...text.matchAll(MARKER)];
  const files = new Map<string, string>();
  for (const [index, mark] of marks.entries()) {
    const path = normalize(mark[1]);
    const end = marks[index + 1]?.index ?? text.length;
    // A file that is included twice is printed once; should it be there twice, the first one counts.
    if (!files.has(path)) files.set(path, text.slice(mark.index + mark[0].length + 1, end));
  }
  return files;
}

function libraryOfDump(files: ReadonlyMap<string, string>): Library {
  return {
    find: (pattern) => [...files.keys()].filter((path) => fitsPattern(path, pattern)).toSorted(),
    read: (path) => {
      const text = files.get(path);
      return text === undefined ? 'it is not part of the input' : { name: path, text };
    },
  };
}

function libraryOfDisk(folder: string): Library {
  const search = new FileSearch(MOST_NAMES);
  return {
    find: (pattern) => search.find(pattern),
    read: (path) => {
      const bytes = readBytes(path);
      if (typeof bytes === 'string') return bytes;
      const text = decode(bytes);
      const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
      return text === undefined ? 'it is not UTF-8 text' : { name, text };
    },
  };
}

class Reader {
  readonly #folder: string | undefined;
  readonly #library: Library;
  readonly #faults: ReadingFault[] = [];
  #directives = 0;
  #includes = 0;

  constructor(folder: string | undefined, library: Library) {
    this.#folder = folder;
    this.#library = library;
  }

  read(source: Source, path: string): NginxReading {
    const mistaken = recogniseOther(source.text);
    if (mistaken !== undefined) return refuse(source.name, mistaken);
    const directives = this.#parse(source, [path], 0);
    if (this.#faults.length > 0) return { faults: this.#faults };
    if (!directives.some(({ name }) => TOP_LEVEL.has(name))) {
      return refuse(
        source.name,
        'is no configuration of nginx: it has no http, server, upstream or location',
      );
    }
    return { configuration: { directives, folder: this.#folder } };
  }

  /**
   * @param way the paths of the files that lead here, this one last
   * @param depth how many blocks are around it, in those files
   */
  #parse(source: Source, way: readonly string[], depth: number): readonly Directive[] {
    const parsed = parseNginx(source.text.replace(BYTE_ORDER_MARK, ''), source.name);
    if ('directives' in parsed) return this.#withIncluded(parsed.directives, way, depth);
    this.#faults.push(parsed.fault);
    return [];
  }

  #withIncluded(
    directives: readonly Directive[],
    way: readonly string[],
    depth: number,
  ): readonly Directive[] {
    this.#directives += directives.length;
    return directives.flatMap((directive) => {
      const { block } = directive;
      if (directive.name === 'include' && block === undefined) {
        const included = this.#include(directive, way, depth);
        return included === 'needless' ? [{ ...directive, isMissing: true }] : [directive, ...included];
      }
      if (block === undefined) return [directive];
      if (depth === DEEPEST) {
        return this.#refuse(
          directive,
          `blocks are nested more than ${DEEPEST} deep here, with those of includes`,
        );
      }
      return [{ ...directive, block: this.#withIncluded(block, way, depth + 1) }];
    });
  }

  /** @returns `needless` for a file that is not there, and of which nothing would be carried over anyway */
  #include(directive: Directive, way: readonly string[], depth: number): readonly Directive[] | 'needless' {
    const [pattern, ...surplus] = directive.words;
    if (pattern === undefined || surplus.length > 0) {
      return this.#refuse(directive, 'include takes one name of a file');
    }
    if (this.#folder === undefined && !isAbsolute(pattern)) {
      if (NEEDLESS.test(pattern)) return 'needless';
      return this.#refuse(directive, `include ${pattern}: ${ONLY_DUMP}`);
    }
    const wanted = normalize(resolve(this.#folder ?? '/', pattern));
    const paths = hasWildcard(wanted) ? this.#library.find(wanted) : [wanted];
    if (paths === undefined) return this.#refuse(directive, TOO_MUCH);
    if (NEEDLESS.test(pattern) && paths.every((path) => typeof this.#library.read(path) === 'string'))
      return 'needless';
    return paths.flatMap((path) => this.#includeFile(directive, path, way, depth));
  }

  #includeFile(
    directive: Directive,
    path: string,
    way: readonly string[],
    depth: number,
  ): readonly Directive[] {
    if (way.includes(path)) {
      return this.#refuse(directive, `include of ${path} goes round in a circle: that file leads here`);
    }
    this.#includes++;
    if (
      way.length > DEEPEST_INCLUDES ||
      this.#includes > MOST_INCLUDES ||
      this.#directives > MOST_DIRECTIVES
    ) {
      return this.#refuse(directive, TOO_MUCH);
    }
    const source = this.#library.read(path);
    if (typeof source !== 'string') return this.#parse(source, [...way, path], depth);
    const why = this.#folder === undefined ? ONLY_DUMP : `${source}. ${WHERE_FILES_ARE}`;
    return this.#refuse(directive, `include of ${path} cannot be read: ${why}`);
  }

  #refuse({ file, line }: Place, message: string): readonly Directive[] {
    // Once what is read has no sensible end any more, one sentence is enough.
    if (this.#faults.length < 100) this.#faults.push({ file, line, message });
    return [];
  }
}

/** Types of files and modules: Framegate has neither, so a main file that was copied without them can be read. */
const NEEDLESS = /(^|\/)(mime\.types|modules-[\w-]+\/[^/]+)$/;

const TOO_MUCH = 'more is included here than any configuration needs; reading ended';

const NOTHING_CAME =
  'nothing came in: nginx -T prints its errors on standard error, and usually needs root (sudo nginx -T | framegate import -)';

const WHERE_FILES_ARE =
  "Run framegate import where nginx's files are, or on the output of sudo nginx -T; names are relative to the folder of the main file";

const ONLY_DUMP =
  'on standard input included files are known only from nginx -T: nginx -T | framegate import -';

/** @returns what the text is instead of a configuration of nginx, if that can be told */
function recogniseOther(text: string): string | undefined {
  if (text.trim() === '') return 'is empty';
  if (/^["']?(listeners|routes|upstreams)["']?[ \t]*:/m.test(text)) {
    return 'is a configuration of Framegate already: framegate check says whether it can be used';
  }
  const mistaken = recogniseMistakenFile(text)?.message;
  if (mistaken === undefined || mistaken.startsWith('is a configuration of nginx')) return undefined;
  // The marks of other programs are guesses. They count only for a text that cannot be read as nginx reads it.
  const parsed = parseNginx(text, '');
  const isNginx = 'directives' in parsed && parsed.directives.some(({ name }) => TOP_LEVEL.has(name));
  return isNginx ? undefined : mistaken.replace('a configuration of Framegate', 'one of nginx');
}

function refuse(file: string, message: string): NginxReading {
  return { faults: [{ file, line: 1, message }] };
}
