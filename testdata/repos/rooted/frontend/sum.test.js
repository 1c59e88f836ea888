import { expect, test } from 'bun:test'
import isNumber from 'is-number'

test('counts', () => expect(isNumber(3)).toBe(true))
