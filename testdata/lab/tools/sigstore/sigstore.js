// Fulcio with its CT log, Rekor v1 and a timestamp authority, imitated by @sigstore/mock and served over plain http.
// usage: node sigstore.js FOLDER; FOLDER gets the files for `cosign trusted-root create`. It prints the address it listens on,
// and then every request.
const { createServer } = require('http')
const { createHash, generateKeyPairSync } = require('crypto')
const { mkdirSync, writeFileSync } = require('fs')
const pkijs = require('pkijs')
const mock = require('@sigstore/mock')

const [folder] = process.argv.slice(2)
const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const wrapped = (der) => der.toString('base64').match(/.{1,64}/g).join('\n')
const pem = (der) => `-----BEGIN CERTIFICATE-----\n${wrapped(der)}\n-----END CERTIFICATE-----\n`
const publicKey = (key) => key.publicKey.export({ format: 'pem', type: 'spki' })
const sha256 = (text) => ({ algorithm: 'sha256', value: createHash('sha256').update(text).digest('hex') })

// The real Rekor keeps hashes of an envelope, where the mock keeps the request as it came.
function asLogged(body) {
  const entry = JSON.parse(body)
  if (entry.kind !== 'dsse') return body
  const { envelope, verifiers } = entry.spec.proposedContent
  const { payload, signatures } = JSON.parse(envelope)
  return JSON.stringify({
    apiVersion: entry.apiVersion,
    kind: entry.kind,
    spec: {
      envelopeHash: sha256(envelope),
      payloadHash: sha256(Buffer.from(payload, 'base64')),
      signatures: signatures.map((s, n) => ({ signature: s.sig, verifier: verifiers[n] })),
    },
  })
}

// The mock expects the token inside of the request, cosign sends it as a header.
function withToken(body, headers) {
  const token = (headers.authorization || '').replace(/^Bearer /, '')
  return JSON.stringify({ ...JSON.parse(body), credentials: { oidcIdentityToken: token } })
}

// The mock reads a request for a timestamp as JSON, cosign sends it as DER; the nonce is larger than a number.
async function timestamp(tsa, body) {
  const asked = pkijs.TimeStampReq.fromBER(body)
  const info = tsa.tstInfo
  tsa.tstInfo = (request) => Object.assign(info.call(tsa, request), { nonce: asked.nonce })
  try {
    return await tsa.timestamp({
      artifactHash: Buffer.from(asked.messageImprint.hashedMessage.valueBlock.valueHexView),
      hashAlgorithmOID: asked.messageImprint.hashAlgorithm.algorithmId,
      nonce: 1,
      policyOID: '1.3.6.1.4.1.57264.2',
      certReq: asked.certReq,
    })
  } finally {
    tsa.tstInfo = info
  }
}

async function main() {
  const [caKey, ctKey, logKey, tsaKey] = [keyPair(), keyPair(), keyPair(), keyPair()]
  const ca = await mock.initializeCA(caKey, await mock.initializeCTLog(ctKey))
  const fulcio = mock.fulcioHandler(ca)
  const rekor = mock.rekorHandler(await mock.initializeTLog('http://rekor.invalid', logKey))
  const tsa = await mock.initializeTSA(tsaKey)
  const paths = {
    [fulcio.path]: async (body, headers) => {
      const answer = await fulcio.fn(withToken(body, headers))
      return { ...answer, statusCode: answer.statusCode === 201 ? 200 : answer.statusCode } // what sigstore-go wants
    },
    [rekor.path]: async (body) => {
      const answer = await rekor.fn(asLogged(body.toString()))
      return { ...answer, etag: Object.keys(JSON.parse(answer.response))[0] } // cosign finds the entry by it
    },
    '/api/v1/timestamp': async (body) => ({
      statusCode: 201,
      contentType: 'application/timestamp-reply',
      response: await timestamp(tsa, body),
    }),
  }

  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/fulcio.pem`, pem(ca.rootCertificate))
  writeFileSync(`${folder}/ctfe.pub`, publicKey(ctKey))
  writeFileSync(`${folder}/rekor.pub`, publicKey(logKey))
  writeFileSync(`${folder}/tsa.pem`, pem(tsa.intCertificate) + pem(tsa.rootCertificate))

  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', async () => {
      const path = paths[request.url.split('?')[0]]
      const answer = path ? await path(Buffer.concat(chunks), request.headers) : { statusCode: 404, response: '' }
      console.log(request.method, request.url, answer.statusCode)
      if (answer.etag) response.setHeader('ETag', answer.etag)
      response.writeHead(answer.statusCode, { 'Content-Type': answer.contentType || 'text/plain' })
      response.end(answer.response)
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
}

main()
