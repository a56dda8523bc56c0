// A real OAuth authority for the tests: npm's oidc-provider, dressed as Entra is (paths, resource scopes, AADSTS codes).
// It reads its settings from the JSON file named on the command line and prints "ready" once it listens.
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';

import { exportJWK } from 'jose';
import { Provider } from 'oidc-provider';

const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const { port, tenant, certificate, signingKey, accessSeconds, deviceSeconds, padding, appMailbox } = settings;
const issuer = `https://localhost:${port}/${tenant}/v2.0`;

const privateKey = crypto.createPrivateKey(fs.readFileSync(signingKey));
const jwk = { ...(await exportJWK(privateKey)), kid: 'test', use: 'sig', alg: 'RS256' };
const clientCertificate = new crypto.X509Certificate(settings.clientCertificate);

// Each resource with its rights; Entra writes them as one address.
const RESOURCES = {
  'https://outlook.office365.com': ['SMTP.Send', '.default'],
  'https://graph.microsoft.com': ['Mail.Send', 'Mail.ReadWrite', '.default'],
};
const scopesOf = (resource) => RESOURCES[resource].map((right) => `${resource}/${right}`).join(' ');
const resourceOf = (scopes = '') =>
  Object.keys(RESOURCES).find((resource) => scopes.split(' ').some((scope) => scope.startsWith(`${resource}/`)));
const mailboxOf = (account) => (account.includes('@') ? account : `${account}@example.test`);

const person = {
  token_endpoint_auth_method: 'none',
  application_type: 'native',
  response_types: ['code'],
  redirect_uris: ['http://localhost', 'http://127.0.0.1'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
};
const app = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };

const provider = new Provider(issuer, {
  jwks: { keys: [jwk] },
  clients: [
    { client_id: 'person', ...person },
    { client_id: 'app-secret', client_secret: 'secret-of-the-app', token_endpoint_auth_method: 'client_secret_post', ...app },
    { client_id: 'app-header', client_secret: 'secret-of-the-app', token_endpoint_auth_method: 'client_secret_basic', ...app },
    {
      client_id: 'app-certificate',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...(await exportJWK(clientCertificate.publicKey)), use: 'sig' }] },
      ...app,
    },
  ],
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  claims: { openid: ['sub', 'tid'], profile: ['preferred_username'], email: ['email'] },
  conformIdTokenClaims: false, // the profile's claims in the id_token itself, as Entra has them
  findAccount: async (_ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, tid: tenant, preferred_username: mailboxOf(id), email: mailboxOf(id) }),
  }),
  cookies: { keys: ['test'] },
  ttl: {
    AccessToken: accessSeconds,
    ClientCredentials: accessSeconds,
    DeviceCode: deviceSeconds,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 86400,
    Session: 86400,
  },
  rotateRefreshToken: true,
  issueRefreshToken: async (_ctx, client, code) =>
    client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  routes: {
    authorization: '/oauth2/v2.0/authorize',
    token: '/oauth2/v2.0/token',
    device_authorization: '/oauth2/v2.0/devicecode',
    code_verification: '/oauth2/deviceauth',
    jwks: '/discovery/v2.0/keys',
  },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true, charset: 'base-20', mask: '****-****' },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: async () => true,
      defaultResource: async (ctx, _client, oneOf) =>
        oneOf ? [oneOf].flat()[0] : resourceOf(ctx.oidc.params?.scope),
      getResourceServerInfo: async (_ctx, resource) => ({
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: accessSeconds,
        jwt: { sign: { alg: 'RS256' } },
        scope: scopesOf(resource),
      }),
    },
  },
  formats: {
    customizers: {
      jwt: async (_ctx, token, jwt) => {
        const claims = jwt.payload;
        claims.tid = tenant;
        claims.appid = claims.azp = claims.client_id;
        if (token.kind === 'ClientCredentials') {
          claims.roles = ['SMTP.SendAsApp'];
          claims.idtyp = 'app';
          claims.upn = appMailbox;
        } else {
          claims.upn = mailboxOf(claims.sub);
          claims.scp = (claims.scope || '').split(' ').map((scope) => scope.split('/').pop()).join(' ');
        }
        claims.wids = 'x'.repeat(padding); // real tokens have two to three kilobytes
        jwt.header = { typ: 'JWT' }; // as Entra says it; Dovecot refuses RFC 9068's at+jwt
      },
    },
  },
});

const CODES = {
  access_denied: 65004,
  authorization_pending: 70016,
  expired_token: 70020,
  invalid_client: 7000215,
  invalid_grant: 70008,
  invalid_scope: 70011,
};
provider.use(async (ctx, next) => {
  await next();
  const answer = ctx.body;
  if (!answer || typeof answer !== 'object') return;
  if (answer.device_code) {
    answer.interval = 1;
    delete answer.verification_uri_complete; // Entra has none
  }
  if (CODES[answer.error]) {
    const id = crypto.randomUUID();
    answer.error_codes = [CODES[answer.error]];
    answer.error_description =
      `AADSTS${CODES[answer.error]}: ${answer.error_description} Trace ID: ${id} Correlation ID: ${id}`;
  }
});

const serve = provider.callback();
const pem = fs.readFileSync(certificate);
https
  .createServer({ key: pem, cert: pem }, (request, response) => {
    console.log(request.method, request.url.split('?')[0]);
    let url = request.url.replace(`/${tenant}/v2.0/.well-known/`, `/${tenant}/.well-known/`);
    if (!url.startsWith(`/${tenant}/`)) {
      response.statusCode = 404;
      response.end('{"error":"invalid_tenant"}');
      return;
    }
    // Entra gives refresh tokens for offline_access without asking again; by the letter of OIDC it takes a prompt.
    if (url.includes('/oauth2/v2.0/authorize?')) url = url.replace('&prompt=select_account', '&prompt=consent');
    request.originalUrl = url;
    request.url = url.slice(tenant.length + 1);
    serve(request, response);
  })
  .listen(port, '127.0.0.1', () => console.log('ready'));
