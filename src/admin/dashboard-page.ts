// The web dashboard as it is built into the package: the page at `/`, and its files below `/assets/`. They are read once, when a
// browser first asks; a request chooses among the files that were found then, and never names a path.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getAsset, getAssetKeys, isSea } from 'node:sea';
import type { Answer } from './admin-pages.ts';

/** By the path of the request. */
type BuiltFiles = ReadonlyMap<string, Answer>;

/** Below the folder of the program, whether it runs from `dist` or from `src`. */
const BUILT_IN = 'dist/dashboard';
const ASSETS = '/assets/';
const A_YEAR_S = 31_536_000;

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

/** The page loads nothing from anywhere else, and runs and shows nothing that is not in its own files. */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'same-origin',
};

const NOT_BUILT: Answer = {
  status: 503,
  text: 'The dashboard is not built: run "npm run build:page" in the folder of Framegate, and load this page again.\n',
};

export class DashboardPage {
  #files: Promise<BuiltFiles> | undefined = undefined;
  readonly #read: () => Promise<BuiltFiles>;

  /** @param read replaces the files in tests */
  constructor(read: () => Promise<ReadonlyMap<string, string>> = readBuiltFiles) {
    this.#read = async () =>
      new Map(Array.from(await read(), ([path, text]) => [path, answerFor(path, text)]));
  }

  /** @returns undefined if there is no such file. Rejects if the files are there and cannot be read. */
  async answer(path: string): Promise<Answer | undefined> {
    this.#files ??= this.#read();
    let files: BuiltFiles;
    try {
      files = await this.#files;
    } catch (error) {
      // It may be built later.
      this.#files = undefined;
      if (isMissing(error)) return NOT_BUILT;
      throw error;
    }
    return files.get(path);
  }
}

/** Whether this is asked for by a browser that wants to show a page, or by such a page. */
export function isOfDashboard(path: string, accept: string): boolean {
  return path === '/' ? accept.includes('text/html') : path.startsWith(ASSETS);
}

function answerFor(path: string, text: string): Answer {
  const isAsset = path.startsWith(ASSETS);
  return {
    status: 200,
    text,
    contentType:
      TYPES[isAsset ? path.slice(path.lastIndexOf('.') + 1) : 'html'] ?? 'application/octet-stream',
    // The name of an asset has a digest of its content.
    headers: isAsset
      ? { ...PAGE_HEADERS, 'cache-control': `public, max-age=${A_YEAR_S}, immutable` }
      : { ...PAGE_HEADERS, vary: 'accept' },
  };
}

/** @returns the texts of the files by the paths at which they are asked for */
async function readBuiltFiles(): Promise<ReadonlyMap<string, string>> {
  if (isSea()) return readEmbeddedFiles();
  const folder = join(import.meta.dirname, '../..', BUILT_IN);
  const names = await readdir(join(folder, ASSETS));
  const assets = names.map(
    async (name) => [ASSETS + name, await readFile(join(folder, ASSETS, name), 'utf8')] as const,
  );
  return new Map([['/', await readFile(join(folder, 'index.html'), 'utf8')], ...(await Promise.all(assets))]);
}

function readEmbeddedFiles(): ReadonlyMap<string, string> {
  const prefix = `${BUILT_IN}${ASSETS}`;
  const assets = getAssetKeys().filter((key) => key.startsWith(prefix));
  const files = assets.map((key) => [key.slice(BUILT_IN.length), getAsset(key, 'utf8')] as const);
  return new Map([['/', getAsset(`${BUILT_IN}/index.html`, 'utf8')], ...files]);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
