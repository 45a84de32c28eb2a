// The pages of the site, made of the project's Markdown: with links that lead to other pages of the site, and a page for every file and
// folder of the project that a link leads to.

import { posix } from 'node:path';
import { isExternal, type Link, linksIn } from './markdown-links.ts';
import { imagePath, pagePath, relativeLink } from './site-path.ts';

export interface Project {
  /** Paths of all files, relative to the project. */
  readonly files: readonly string[];
  readonly read: (file: string) => string;
}

export interface StagedPages {
  /** By path in the site. */
  readonly pages: ReadonlyMap<string, string>;
  /** Files to copy: where they are in the project, and where in the site. */
  readonly images: ReadonlyMap<string, string>;
}

const IMAGE = /\.(?:svg|png|jpg|webp)$/;

/**
 * @param roots Markdown files; what they link to is staged with them
 * @param base the path at which the site is served, which begins and ends with /
 */
export function stagePages(project: Project, roots: readonly string[], base: string): StagedPages {
  const pages = new Map<string, string>();
  const images = new Map<string, string>();
  const waiting = new Set(roots);
  const staging = new Staging(project, base, waiting, images);
  // Grows while it is walked.
  for (const file of waiting) pages.set(pagePath(file), staging.page(file));
  return { pages, images };
}

class Staging {
  readonly #project: Project;
  readonly #known: ReadonlySet<string>;
  readonly #base: string;
  readonly #waiting: Set<string>;
  readonly #images: Map<string, string>;

  constructor(project: Project, base: string, waiting: Set<string>, images: Map<string, string>) {
    this.#project = project;
    this.#known = new Set(project.files);
    this.#base = base;
    this.#waiting = waiting;
    this.#images = images;
  }

  page(file: string): string {
    if (!this.#known.has(file)) return this.#folderPage(file);
    return file.endsWith('.md') ? this.#rewritten(file) : filePage(file, this.#project.read(file));
  }

  #rewritten(file: string): string {
    const text = this.#project.read(file);
    let rewritten = '';
    let end = 0;
    for (const link of linksIn(text)) {
      const target = this.#target(file, link);
      rewritten += text.slice(end, link.start) + target;
      end = link.start + link.target.length;
    }
    return rewritten + text.slice(end);
  }

  #target(file: string, { target, isHtml }: Link): string {
    if (isExternal(target) || target.startsWith('#')) return target;
    const [path, anchor] = target.split('#');
    const linked = posix.join(posix.dirname(file), path).replace(/\/$/, '');
    if (IMAGE.test(linked)) return this.#image(linked, file, isHtml);
    const index = this.#known.has(`${linked}/README.md`) ? `${linked}/README.md` : linked;
    this.#waiting.add(index);
    const link = relativeLink(pagePath(file), pagePath(index));
    return anchor === undefined ? link : `${link}#${anchor}`;
  }

  /** The bundler of the site follows images of Markdown, but not those of HTML. */
  #image(image: string, file: string, isHtml: boolean): string {
    this.#images.set(image, imagePath(image));
    return isHtml ? `${this.#base}${imagePath(image)}` : relativeLink(pagePath(file), imagePath(image));
  }

  /** Lists the Markdown below a folder, or shows its other files. */
  #folderPage(folder: string): string {
    const files = this.#project.files.filter((file) => file.startsWith(`${folder}/`));
    if (files.length === 0) throw new Error(`a link leads to ${folder}, which is not there`);
    if (!files.every((file) => file.endsWith('.md'))) {
      const sections = files.map((file) => `## ${file}\n\n${codeBlock(file, this.#project.read(file))}`);
      return `# ${folder}\n\n${sections.join('\n')}`;
    }
    for (const file of files) this.#waiting.add(file);
    const rows = files.map((file) => {
      const title = /^# (.*)$/m.exec(this.#project.read(file))?.[1] ?? file;
      return `- [${title}](${relativeLink(pagePath(folder), pagePath(file))})`;
    });
    return `# ${titleOfFolder(folder)}\n\n${rows.join('\n')}\n`;
  }
}

function titleOfFolder(folder: string): string {
  const name = posix.basename(folder);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function filePage(file: string, text: string): string {
  return `# ${file}\n\n${codeBlock(file, text)}`;
}

function codeBlock(file: string, text: string): string {
  const language =
    { '.yaml': 'yaml', '.yml': 'yaml', '.json': 'json', '.ts': 'ts' }[posix.extname(file)] ?? 'text';
  return `\`\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\`\n`;
}
