// The schema of a listener.

import { parseSocketMode } from './address.ts';
import { fileName, listenAddress, name, network, parsed, z } from './schema-values.ts';

const certificate = z.strictObject({
  cert: fileName.describe(
    'PEM file with the certificate and its intermediates, relative to this file. Like nginx ssl_certificate.',
  ),
  key: fileName.describe(
    'PEM file with the private key, not encrypted, relative to this file. Like nginx ssl_certificate_key.',
  ),
  ocsp: fileName
    .optional()
    .describe(
      'DER file with an OCSP response for the certificate, relative to this file, given to clients that ask (stapling) ' +
        'until it expires. Default: none. Like nginx ssl_stapling_file.',
    ),
});

const listenerTls = z.strictObject({
  certificates: z
    .array(certificate)
    .min(1)
    .describe('Certificates, chosen by the name a client asks for (SNI); the first is the default.'),
  minVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .describe('The oldest TLS version accepted. Default: TLSv1.2. Like nginx ssl_protocols.'),
  unknownServerName: z
    .enum(['serve-default', 'refuse'])
    .default('serve-default')
    .describe(
      'What a client gets whose server name (SNI) no certificate holds: the first certificate, or the TLS alert ' +
        'unrecognized_name. One without a name gets the first. Default: serve-default. refuse is like nginx ssl_reject_handshake.',
    ),
});

export const listener = z.strictObject({
  name: name.optional().describe('Name in logs, metrics, match.listener. Default: the address.'),
  address: listenAddress.describe(
    'Where to listen: host:port, [ipv6]:port or unix:/path; port 0 takes any free port; systemd:NAME takes over a socket ' +
      'that systemd has opened. Like nginx listen.',
  ),
  mode: parsed('a mode in quotes, such as "0660"', parseSocketMode, { examples: ['0660', '0666'] })
    .optional()
    .describe(
      'Permissions of the file of a unix: address, in quotes; connecting needs to write. Default: what the umask leaves. ' +
        'Like HAProxy bind mode, systemd SocketMode.',
    ),
  tls: listenerTls
    .optional()
    .describe('Serve TLS with ALPN h2. Without it: plaintext HTTP/2 with prior knowledge (h2c).'),
  trustedClients: z
    .array(network)
    .prefault([])
    .describe(
      'Networks (CIDR), or unix: for clients of a Unix socket, whose x-forwarded-* and x-request-id headers are kept ' +
        'and appended to; those of others are replaced. Default: none. Like nginx set_real_ip_from.',
    ),
  mismatch: z
    .enum(['explain', 'close', 'accept'])
    .default('explain')
    .describe(
      'What a client gets that speaks another protocol than this port: an explanation in its own language, a closed ' +
        'connection, or, on a TLS port, plaintext service (h2c and HTTP/1.1). Default: explain.',
    ),
  proxyProtocol: z
    .strictObject({
      trusted: z
        .array(network)
        .min(1)
        .describe(
          'Networks (CIDR), or unix:, whose connections must begin with a PROXY protocol header (v1 or v2); nobody ' +
            "else's may. Like nginx listen proxy_protocol with set_real_ip_from.",
        ),
    })
    .optional()
    .describe(
      'Load balancers in front that tell the address of the client by the PROXY protocol. Default: none.',
    ),
});
