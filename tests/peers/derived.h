// What the comparators write so that their output records are byte-identical to Millrace's: the derived id and the
// content digest (docs/reference/envelope.md).
#ifndef MILLRACE_TESTS_PEERS_DERIVED_H_
#define MILLRACE_TESTS_PEERS_DERIVED_H_

#define XXH_INLINE_ALL
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

static inline void Hex(uint64_t value, char* out) {
  static const char kDigits[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) *out++ = kDigits[value >> shift & 15];
}

// 32 digits: hash of source, id, stage and output name, each but the last ended by a zero byte.
static inline void DerivedId(const char* source, size_t source_bytes, const char* id, size_t id_bytes,
                             const char* stage, char* out) {
  char text[1024];
  size_t at = 0;
  if (source_bytes + id_bytes + strlen(stage) + 8 > sizeof(text)) return;
  memcpy(text + at, source, source_bytes);
  at += source_bytes;
  text[at++] = '\0';
  memcpy(text + at, id, id_bytes);
  at += id_bytes;
  text[at++] = '\0';
  memcpy(text + at, stage, strlen(stage));
  at += strlen(stage);
  text[at++] = '\0';
  memcpy(text + at, "#0", 2);
  at += 2;
  const XXH128_hash_t hash = XXH3_128bits(text, at);
  Hex(hash.high64, out);
  Hex(hash.low64, out + 16);
}

// 16 digits: over key, then type (empty), then body.
static inline void ContentDigest(const void* key, size_t key_bytes, const void* body, size_t body_bytes, char* out) {
  const uint64_t of_key = XXH3_64bits_withSeed(key, key_bytes, 0);
  const uint64_t of_type = XXH3_64bits_withSeed("", 0, of_key);
  Hex(XXH3_64bits_withSeed(body, body_bytes, of_type), out);
}

#endif  // MILLRACE_TESTS_PEERS_DERIVED_H_
