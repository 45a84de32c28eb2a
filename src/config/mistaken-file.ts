// Recognises a file that is something else entirely: the configuration of another program, a certificate, a manifest. One message
// then replaces a complaint about every line. It guesses from the text, and never about a file that has a section of Framegate's.

import type { Fault } from './problem.ts';

// A mark may take no end of the line with its white space: it would read all empty lines again from each of them.

interface Kind {
  readonly name: string;
  /** A file is of this kind if all of these match. */
  readonly marks: readonly RegExp[];
  readonly hint?: string;
}

const nginxHint =
  'framegate import FILE -o config.yaml makes one of Framegate of it, and says what became of each directive';

const kinds: readonly Kind[] = [
  {
    name: 'a configuration of nginx',
    marks: [/^[ \t]*(http|server|events|stream|upstream\s+\S+|location\s[^\n{]*)\s*\{/m, /;\s*(#.*)?$/m],
    hint: nginxHint,
  },
  {
    name: 'a configuration of nginx',
    marks: [/^[ \t]*(listen|server_name|(grpc|proxy)_pass)\s[^:\n]*;\s*$/m],
    hint: nginxHint,
  },
  {
    name: 'a configuration of Envoy',
    marks: [/^[ \t"'{]*(static_resources|dynamic_resources)["']?\s*:/m],
  },
  {
    name: 'a configuration of HAProxy',
    marks: [
      /^(global|defaults|frontend|backend|listen)\b[^:{\n]*$/m,
      /^[ \t]+(bind|server|mode|timeout|balance|option)\s/m,
    ],
  },
  { name: 'a configuration of nghttpx', marks: [/^(frontend|backend)=\S/m] },
  {
    name: 'a Caddyfile',
    marks: [/^[^\s{][^\n]*\{\s*$|^\{\s*$/m, /^[ \t]+(reverse_proxy|encode|handle|tls|respond)\b/m],
  },
  { name: 'a configuration of Traefik', marks: [/^[ \t]*\[?\[?["']?(entryPoints|providers|http\.routers)/m] },
  {
    name: 'a configuration of Traefik',
    marks: [/^(http|tcp):\s*$/m, /^[ \t]+(routers|middlewares|loadBalancer):/m],
  },
  { name: 'a configuration of Apache', marks: [/^[ \t]*<(VirtualHost|Location|IfModule|Directory)\b/m] },
  {
    name: 'a manifest of Kubernetes',
    marks: [/^apiVersion:/m, /^kind:/m],
    hint: 'give the file that a ConfigMap holds, alone',
  },
  { name: 'a compose file', marks: [/^services:\s*$/m, /^[ \t]+(image|build):/m] },
  { name: 'a unit of systemd', marks: [/^\[(Unit|Service|Socket|Install)\]\s*$/m] },
  {
    name: 'a PEM file',
    marks: [/^-----BEGIN [A-Z ]+-----/m],
    hint: 'certificates and keys are named in listeners[].tls.certificates',
  },
  {
    name: 'a .proto file',
    marks: [/^[ \t]*syntax\s*=\s*["']proto/m],
    hint: 'Framegate needs no descriptions of services',
  },
  { name: 'a Dockerfile', marks: [/^FROM \S+/m, /^(RUN|CMD|ENTRYPOINT|COPY)\s/m] },
  { name: 'a script', marks: [/^#!/] },
  { name: 'XML or HTML', marks: [/^\s*<[?!a-zA-Z]/] },
  { name: 'TOML', marks: [/^\[\[?[A-Za-z0-9_."-]+\]\]?\s*$/m, /^[ \t]*[A-Za-z0-9_-]+\s*=\s/m] },
  { name: 'a file of environment variables', marks: [/^(export )?[A-Z][A-Z0-9_]*=/m] },
];

const ownSection = /^["']?(listeners|routes|upstreams)["']?[ \t]*:/m;
/** JSON is valid YAML, so a configuration may be written in JSON. */
const ownJson = /^\s*\{[^]*["'](listeners|routes|upstreams)["']\s*:/;
const envoyRoot = /["'](static_resources|dynamic_resources)["']/;

/** @returns what the file is instead, or undefined if it may be a configuration of Framegate */
export function recogniseMistakenFile(text: string): Fault | undefined {
  if (text.includes('\0')) return { message: 'is not text, but some binary file' };
  if (ownSection.test(text) || (ownJson.test(text) && !envoyRoot.test(text))) return undefined;
  const kind = kinds.find(({ marks }) => marks.every((mark) => mark.test(text)));
  if (kind === undefined) return undefined;
  const hint = kind.hint ?? 'framegate init writes one to start from';
  return { message: `is ${kind.name}, not a configuration of Framegate`, hint };
}
