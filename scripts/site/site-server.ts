// Serves the built site on loopback, for a look at it.

import { createReadStream, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** @returns its URL, once it can be opened */
export async function serveSite(folder: string, base: string, port: number): Promise<string> {
  const server = createServer(({ url = '/' }, response) => {
    const file = fileAt(folder, base, url);
    if (file === undefined) send(response, 404, join(folder, '404.html'));
    else send(response, 200, file);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}${base}`;
}

/** @returns undefined if there is no such file in the folder */
export function fileAt(folder: string, base: string, url: string): string | undefined {
  const path = pathOf(url);
  if (path === undefined || !path.startsWith(base)) return undefined;
  const file = join(folder, normalize(`/${path.slice(base.length)}`));
  return [file, `${file}.html`, join(file, 'index.html')].find(isFile);
}

function pathOf(url: string): string | undefined {
  try {
    return decodeURIComponent(url.split(/[?#]/, 1)[0]);
  } catch {
    return undefined;
  }
}

function isFile(file: string): boolean {
  return !file.includes('\0') && (statSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
}

function send(response: ServerResponse, status: number, file: string): void {
  response.writeHead(status, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
  createReadStream(file)
    .on('error', () => response.destroy())
    .pipe(response);
}
