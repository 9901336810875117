// Tiles of Intel's AMX (Sapphire Rapids and later): registers of 16 rows of 64 bytes, and one instruction that multiplies two of them.
// TILES says that the system lets this process use them; EMULATED_TILES is plain C in their place, for tests where there are none.
// A thread says begin_tiles before it multiplies and end_tiles after, so that the system has no tiles to save in between.

// pool.c asks the same.
#if defined(TILES) && defined(__AMX_BF16__) && defined(__AVX512BF16__) && !defined(EMULATED_TILES) && !defined(EMULATED_QUADS)
#define TILES_MULTIPLY 1
// Palette 1: every tile whole.
inlined void begin_tiles(void) {
  struct { uint8_t palette, start_row, unused[14]; uint16_t row_bytes[16]; uint8_t rows[16]; } all = {.palette = 1};
  for (int i = 0; i < 8; i++) all.row_bytes[i] = 64, all.rows[i] = 16;
  __asm__ volatile("ldtilecfg %0" : : "m"(all));
}
inlined void end_tiles(void) { __asm__ volatile("tilerelease"); }
// By their names, as in instructions.c. Compilers do not know that a load reads memory: who packs says it.
#define tile_zero(tile) __asm__ volatile("tilezero %%tmm" #tile : :)
#define tile_load(tile, from, row_bytes) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile : : "r"(from), "r"((long)(row_bytes)))
#define tile_store(tile, to, row_bytes) __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" : : "r"(to), "r"((long)(row_bytes)) : "memory")
#define tile_multiply(sums, left, right) __asm__ volatile("tdpbf16ps %%tmm" #right ", %%tmm" #left ", %%tmm" #sums : :)
#elif defined(EMULATED_TILES)
#include <stdlib.h>
#define TILES_MULTIPLY 1
static _Thread_local struct { int begun; uint32_t tiles[8][16][16]; } emulated;
inlined void begin_tiles(void) { emulated.begun = 1; }
inlined void end_tiles(void) { memset(&emulated, 0, sizeof emulated); }
static void tile_zero(int tile) { memset(emulated.tiles[tile], 0, sizeof emulated.tiles[tile]); }
static void tile_load(int tile, const void *from, long row_bytes) {
  for (int row = 0; row < 16; row++) memcpy(emulated.tiles[tile][row], (const char *)from + row * row_bytes, 64);
}
static void tile_store(int tile, void *to, long row_bytes) {
  for (int row = 0; row < 16; row++) memcpy((char *)to + row * row_bytes, emulated.tiles[tile][row], 64);
}
// TDPBF16PS: sums of the even and of the odd depths apart, then both to what stands there. Who has not begun would be ended.
static void tile_multiply(int sums, int left, int right) {
  if (!emulated.begun) abort();
  for (int row = 0; row < 16; row++) {
    float even[16] = {0}, odd[16] = {0};
    for (int step = 0; step < 16; step++) {
      const uint32_t a = emulated.tiles[left][row][step], *b = emulated.tiles[right][step];
      for (int column = 0; column < 16; column++) {
        even[column] += bf16_to_f32((bf16)a) * bf16_to_f32((bf16)b[column]);
        odd[column] += bf16_to_f32((bf16)(a >> 16)) * bf16_to_f32((bf16)(b[column] >> 16));
      }
    }
    for (int column = 0; column < 16; column++) {
      uint32_t *sum = &emulated.tiles[sums][row][column];
      *sum = bits_of_float(float_of_bits(*sum) + (even[column] + odd[column]));
    }
  }
}
#else
#define TILES_MULTIPLY 0
inlined void begin_tiles(void) {}
inlined void end_tiles(void) {}
#endif
