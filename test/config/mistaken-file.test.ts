// Files of other programs, given to `check` by a person who has only those.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';

/** The one problem of the file. */
function problemOf(...lines: readonly string[]): string {
  const result = parseConfig(lines.join('\n'), 'given');
  assert.ok('problems' in result);
  assert.equal(result.problems.length, 1, result.problems.map(({ message }) => message).join('\n'));
  return result.problems.map(({ message }) => message).join('');
}

const files: Readonly<Record<string, readonly string[]>> = {
  nginx: [
    'user nginx;',
    'events { worker_connections 1024; }',
    'http {',
    '  upstream voice { server 127.0.0.1:50051; }',
    '  server {',
    '    listen 8443 ssl http2;',
    '    location /voice.VoiceAssistant/ { grpc_pass grpc://voice; }',
    '  }',
    '}',
  ],
  'nginx ': ['listen 80;', 'grpc_pass grpc://127.0.0.1:50051;'],
  Envoy: ['static_resources:', '  listeners:', '  - address: { socket_address: { address: 0.0.0.0 } }'],
  'Envoy ': ['{', '  "static_resources": { "listeners": [] }', '}'],
  HAProxy: ['global', '  maxconn 100', 'frontend web', '  bind :8443', '  default_backend voice'],
  nghttpx: ['frontend=*,8443', 'backend=127.0.0.1,50051;;proto=h2'],
  Caddyfile: ['grpc.example.com {', '  reverse_proxy h2c://127.0.0.1:50051', '}'],
  Traefik: ['entryPoints:', '  web: { address: ":80" }'],
  'Traefik ': ['[entryPoints.web]', '  address = ":80"'],
  Apache: ['<VirtualHost *:80>', '  ServerName a', '</VirtualHost>'],
  Kubernetes: ['apiVersion: v1', 'kind: ConfigMap', 'data: {}'],
  compose: ['services:', '  web:', '    image: framegate'],
  systemd: ['[Unit]', 'Description=x', '[Service]', 'ExecStart=/bin/true'],
  PEM: ['-----BEGIN CERTIFICATE-----', 'MIIB', '-----END CERTIFICATE-----'],
  proto: ['syntax = "proto3";', 'package voice;'],
  Dockerfile: ['FROM node:24', 'CMD ["node"]'],
  script: ['#!/bin/sh', 'exec framegate serve'],
  HTML: ['<!doctype html>', '<p>x</p>'],
  TOML: ['[server]', 'port = 80'],
  environment: ['PORT=8443', 'HOST=0.0.0.0'],
};

for (const [name, lines] of Object.entries(files)) {
  test(`a file of another kind is called what it is: ${name}`, () => {
    const problem = problemOf(...lines);
    assert.match(problem, new RegExp(`^is .*${name.trim()}.*, not a configuration of Framegate$`, 'i'));
  });
}

test('a binary file is no text', () => {
  assert.match(problemOf('\u{7f}ELF\0\0'), /binary/);
});

test('a file with a section of ours is never taken for another', () => {
  const example = readFileSync(join(import.meta.dirname, '../../config.example.yaml'), 'utf8');
  assert.ok(!('problems' in parseConfig(example, 'example')));
  for (const lines of Object.values(files)) {
    const result = parseConfig(['listeners:', '  - address: 127.0.0.1:8080', ...lines].join('\n'), 'mixed');
    assert.ok('problems' in result);
    assert.doesNotMatch(result.problems.map(({ message }) => message).join('\n'), /not a configuration of/);
  }
});
