// usage: node token.js ISSUER SUBJECT; prints an identity token as a CI gives it, of five minutes. Nobody checks its signature.
const { createSign, generateKeyPairSync } = require('crypto')
const [iss, sub] = process.argv.slice(2)
const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url')
const now = Math.floor(Date.now() / 1000)
const text = part({ alg: 'RS256', typ: 'JWT' }) + '.' + part({ iss, sub, aud: 'sigstore', iat: now, exp: now + 300 })
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
process.stdout.write(text + '.' + createSign('RSA-SHA256').update(text).sign(privateKey).toString('base64url'))
