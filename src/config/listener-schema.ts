// The schema of a listener.

import { parseSocketMode } from './address.ts';
import { key } from './key-notes.ts';
import { fileName, listenAddress, name, network, parsed, z } from './schema-values.ts';

const certificate = z.strictObject({
  cert: fileName.meta(
    key(
      'The PEM file with the certificate, followed by its intermediate certificates. If several certificates are for one name, ' +
        'clients get the first.',
      { like: { nginx: 'ssl_certificate' } },
    ),
  ),
  key: fileName.meta(
    key('The PEM file with the private key. The key must not be encrypted.', {
      like: { nginx: 'ssl_certificate_key' },
    }),
  ),
  ocsp: fileName.optional().meta(
    key(
      'A DER file with an OCSP response for the certificate. Clients that ask for it get it with the certificate (stapling), until ' +
        'it expires.',
      {
        unset: 'no OCSP response',
        like: { nginx: 'ssl_stapling_file' },
        more: '[OCSP responses](configuration.md#ocsp-responses)',
      },
    ),
  ),
});

const CERTIFICATE_FIELDS = ['by', 'hash', 'cert', 'subject', 'uri', 'dns'] as const;

const forward = z.strictObject({
  fields: z
    .array(z.enum(CERTIFICATE_FIELDS))
    .min(1)
    .default(['hash', 'subject', 'uri', 'dns'])
    .meta(
      key(
        'What the header says: `by` is the URI in the certificate of the listener, `hash` the SHA-256 of that of the client, `cert` all of it ' +
          '(PEM, percent-encoded), and the others are its names. Each may be large, and counts for the limits of services.',
        {
          values: 'list of `by`, `hash`, `cert`, `subject`, `uri`, `dns`',
          like: { Envoy: 'set_current_client_cert_details' },
        },
      ),
    ),
  fromTrustedClients: z
    .enum(['append', 'keep'])
    .default('append')
    .meta(
      key(
        'What becomes of the header of `trustedClients`, such as another proxy. `append`: their own certificate is added to it. `keep`: it goes on ' +
          'as it is, and only without one it is made from their certificate.',
        { like: { Envoy: '`forward_client_cert_details` (`APPEND_FORWARD`, `FORWARD_ONLY`)' } },
      ),
    ),
});

const clientAuth = z.strictObject({
  ca: fileName.meta(
    key('The PEM file with the authorities whose client certificates are accepted.', {
      like: { nginx: 'ssl_client_certificate', Envoy: '`trusted_ca`' },
    }),
  ),
  mode: z
    .enum(['require', 'request'])
    .default('require')
    .meta(
      key(
        'What happens to a client without a valid certificate. `require`: it is turned away. `request`: it is served, and the `access` ' +
          'of a route decides.',
        { like: { nginx: '`ssl_verify_client` (`on`, `optional`)', Envoy: 'require_client_certificate' } },
      ),
    ),
  crl: fileName.optional().meta(
    key('The PEM file with the lists of revoked certificates of these authorities, one of each.', {
      unset: 'none is revoked',
      like: { nginx: 'ssl_crl' },
    }),
  ),
  forward: forward.optional().meta(
    key(
      'Tells services of the certificate, in the header `x-forwarded-client-cert`. `{}` takes all defaults.',
      {
        unset: 'they are not told',
        like: { Envoy: '`forward_client_cert_details`' },
        more: '[Client certificates](access.md#what-services-are-told)',
      },
    ),
  ),
});

const listenerTls = z.strictObject({
  certificates: z
    .array(certificate)
    .min(1)
    .meta(
      key(
        'The certificates of the listener. The server name that a client asks for (SNI) decides which of them it gets; the first is ' +
          'the default.',
      ),
    ),
  minVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .meta(key('The oldest version of TLS that the listener accepts.', { like: { nginx: 'ssl_protocols' } })),
  clientAuth: clientAuth.optional().meta(
    key('Asks clients for certificates, by which `identities` can recognise them.', {
      unset: 'clients are not asked',
      more: '[Client certificates](access.md#client-certificates)',
    }),
  ),
  unknownServerName: z
    .enum(['serve-default', 'refuse'])
    .default('serve-default')
    .meta(
      key(
        'What happens if no certificate is for the server name (SNI) that a client asks for. `serve-default`: the client gets the first ' +
          'certificate. `refuse`: it gets the TLS alert `unrecognized_name`. A client that asks for no name always ' +
          'gets the first.',
        { like: { nginx: '`ssl_reject_handshake` (for `refuse`)' }, more: '[FG1028](diagnoses/FG1028.md)' },
      ),
    ),
});

export const listener = z.strictObject({
  name: name.optional().meta(
    key('The name of the listener in logs and metrics, and for `match.listener` of routes.', {
      unset: 'the address as it is written',
      condition: 'unique',
    }),
  ),
  address: listenAddress.meta(
    key(
      'Where clients connect to. Port 0 takes any free port. `systemd:NAME` takes over the socket that systemd has opened under this ' +
        '`FileDescriptorName=`.',
      {
        values: '`host:port`, `[ipv6]:port`, `unix:/path` or `systemd:NAME`',
        like: { nginx: 'listen' },
        more: '[Deployment](deployment.md)',
      },
    ),
  ),
  mode: parsed('a mode in quotes, such as "0660"', parseSocketMode, { examples: ['0660', '0666'] })
    .optional()
    .meta(
      key(
        'The permissions of the socket file of a `unix:` address. The file has them from the moment it is there. Clients need the ' +
          'permission to write. Put the mode in quotes, because YAML reads `0660` as the number 660. A reload changes the mode of ' +
          'the open socket. For a socket of systemd, set `SocketMode=` in its unit instead.',
        {
          unset: 'what the umask leaves',
          values: 'octal digits in quotes, such as `"0660"` or `"660"`',
          like: { HAProxy: '`mode` of `bind`', systemd: 'SocketMode' },
        },
      ),
    ),
  tls: listenerTls.optional().meta(
    key(
      'Serves TLS with the ALPN protocol `h2`. Without it, the listener serves plaintext HTTP/2 with prior knowledge (h2c).',
      {
        unset: 'no TLS',
        like: { nginx: '`ssl` of `listen`' },
      },
    ),
  ),
  trustedClients: z
    .array(network)
    .prefault([])
    .meta(
      key(
        'The clients that may say for whom they call. Their `x-forwarded-*` and `x-request-id` headers and similar ones are kept and ' +
          'appended to. For all other clients these headers are replaced or removed.',
        {
          values: 'list of networks (CIDR), or `unix:` for clients of a Unix socket',
          like: { nginx: 'set_real_ip_from' },
          more: '[Claims about the client](../SECURITY.md#claims-about-the-client)',
        },
      ),
    ),
  mismatch: z
    .enum(['explain', 'close', 'accept'])
    .default('explain')
    .meta(
      key(
        'What happens to a client that speaks another protocol than this port. `explain`: it gets an explanation in its own protocol. ' +
          '`close`: its connection is closed. `accept`: a port with TLS also serves plaintext (h2c and HTTP/1.1).',
        {
          condition: '`accept` only with `tls`',
          more: '[Clients with the wrong protocol](configuration.md#clients-with-the-wrong-protocol)',
        },
      ),
    ),
  proxyProtocol: z
    .strictObject({
      trusted: z
        .array(network)
        .min(1)
        .meta(
          key(
            'The load balancers whose connections must begin with a PROXY protocol header. A connection from anybody else that begins ' +
              'with one is closed.',
            {
              values: 'list of networks (CIDR), or `unix:` for clients of a Unix socket, one or more',
              like: { nginx: 'set_real_ip_from' },
            },
          ),
        ),
    })
    .optional()
    .meta(
      key(
        'Load balancers in front of this listener that send the address of the client in a PROXY protocol header, ' +
          'version 1 or 2.',
        { unset: 'no PROXY protocol', like: { nginx: '`proxy_protocol` of `listen`' } },
      ),
    ),
});
