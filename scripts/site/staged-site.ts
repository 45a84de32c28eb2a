// Writes what Rspress builds the site from: the pages, their images and the settings that depend on them.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DrawDiagram, withPictures } from './diagrams.ts';
import { indexSections, sidebarOf } from './site-index.ts';
import { pagePath } from './site-path.ts';
import { type Project, stagePages } from './staged-pages.ts';

/** Not linked from the index, but part of the documentation. */
const ROOTS = /^(?:docs\/.*|[A-Z]+)\.md$/;

export interface SiteFolders {
  readonly project: string;
  /** For the pages. Emptied first. */
  readonly pages: string;
}

/** @param base the path at which the site is served, which begins and ends with / */
export function stageSite(folders: SiteFolders, base: string, draw: DrawDiagram): void {
  const project = projectAt(folders.project);
  const roots = project.files.filter((file) => ROOTS.test(file));
  const { pages, images } = stagePages(project, roots, base);
  rmSync(folders.pages, { recursive: true, force: true });
  for (const [path, text] of pages) {
    let number = 0;
    const addPicture = (svg: string): string => {
      const picture = `${path.slice(0, -'.md'.length)}-diagram-${++number}.svg`;
      write(join(folders.pages, 'public', picture), svg);
      return `${base}${picture}`;
    };
    write(join(folders.pages, path), withPictures(text, draw, addPicture));
  }
  for (const [file, path] of images) {
    copy(join(folders.project, file), join(folders.pages, path));
    copy(join(folders.project, file), join(folders.pages, 'public', path));
  }
  write(join(folders.pages, '../settings.json'), JSON.stringify({ base, sidebar: sidebarAt(project) }));
}

/** The files that are, or will be, in the repository. */
export function projectAt(folder: string): Project {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return {
    // A file that was removed stays in the list until that is committed.
    files: list
      .trimEnd()
      .split('\n')
      .filter((file) => existsSync(join(folder, file))),
    read: (file) => readFileSync(join(folder, file), 'utf8'),
  };
}

export function sidebarAt({ files, read }: Project): ReturnType<typeof sidebarOf> {
  return sidebarOf(indexSections(read('docs/README.md')), {
    read,
    addressOf: (file) => `/${pagePath(pageFileOf(file, files)).replace(/(?:(^|\/)index)?\.md$/, '$1')}`,
    filesBelow: (file) => filesBelow(file, files),
  });
}

/** A link to a folder leads to its README.md if it has one. */
function pageFileOf(file: string, files: readonly string[]): string {
  return files.includes(`${file}/README.md`) ? `${file}/README.md` : file;
}

/** Of a folder of docs, the numbered pages in it. */
function filesBelow(file: string, files: readonly string[]): readonly string[] {
  const folder = file.replace(/\/README\.md$/, '');
  if (!folder.startsWith('docs/') || folder.endsWith('.md')) return [];
  return files.filter((one) => one.startsWith(`${folder}/`) && /\/(?:FG)?\d[^/]*\.md$/.test(one));
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}
