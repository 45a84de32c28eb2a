// Draws the diagrams of the pages, which are written in Mermaid, as pictures: a browser of the site needs no program for them.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export type DrawDiagram = (mermaid: string) => string;

const DIAGRAM = /^```mermaid\n([^]*?)^```$/gm;
/** The package names a font of another server. */
const FOREIGN_FONT = /\s*@import url\([^)]*\);/g;

const LARGE_WIDTH = 1200;
const NARROW_WIDTH = 640;
const READABLE = 0.8;

/** @param siteFolder where the packages of the site are installed */
export async function diagramDrawer(siteFolder: string): Promise<DrawDiagram> {
  const file = join(siteFolder, 'node_modules/beautiful-mermaid/dist/index.js');
  const library: unknown = await import(pathToFileURL(file).href);
  if (!hasRender(library)) throw new Error('beautiful-mermaid has no renderMermaidSVG any more');
  const colors = { bg: '#ffffff', fg: '#27272a', font: 'system-ui' };
  return (mermaid) => library.renderMermaidSVG(mermaid, colors).replaceAll(FOREIGN_FONT, '');
}

function hasRender(
  library: unknown,
): library is { renderMermaidSVG: (mermaid: string, options: Record<string, string>) => string } {
  return (
    typeof library === 'object' &&
    library !== null &&
    'renderMermaidSVG' in library &&
    typeof library.renderMermaidSVG === 'function'
  );
}

/**
 * Replaces the diagrams of a page by pictures.
 * @param addPicture stores a picture, and returns its address
 */
export function withPictures(page: string, draw: DrawDiagram, addPicture: (svg: string) => string): string {
  return page.replaceAll(DIAGRAM, (_, mermaid: string) => {
    const svg = draw(mermaid);
    const style = `min-width: ${leastWidth(svg)}px`;
    return `<div class="diagram"><img alt="Diagram" src="${addPicture(svg)}" style="${style}" /></div>\n`;
  });
}

/** A small picture may become as narrow as a page. A large one stays so wide that it can be read. */
function leastWidth(svg: string): number {
  const width = Number(/ width="([\d.]+)"/.exec(svg)?.[1] ?? 0);
  return Math.round(width > LARGE_WIDTH ? width * READABLE : Math.min(width, NARROW_WIDTH));
}
