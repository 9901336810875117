// A stand-in for libnccl.so.2, behind fake-cuda.c in one text: ranks that are processes of this machine, which meet in a file that the
// identifier names. What is asked for waits on the stand-in's stream as everything does, and a group until it ends; then it is done, in host
// memory. Built with -DREAL_NCCL it includes NVIDIA's header, and then every prototype and constant is checked against it.
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef REAL_NCCL
#include <nccl.h>
#else
typedef int ncclResult_t, ncclDataType_t, ncclRedOp_t;
typedef void *ncclComm_t;
typedef struct { char internal[128]; } ncclUniqueId;
enum { ncclSuccess = 0, ncclSystemError = 2, ncclInvalidArgument = 4, ncclInvalidUsage = 5, ncclRemoteError = 6,
       ncclFloat32 = 7, ncclSum = 0 };
#endif

/* Where ranks meet: a barrier, and room for the values of each. */
enum { most_ranks = 4, most_elements = 1 << 20 };
struct meeting {
  _Atomic int arrived, passed;
  float values[most_ranks][most_elements];
};
static struct meeting *meeting;
static int own_rank, all_ranks, in_group, fake_failure;
void fake_nccl_fail(int result) { fake_failure = result; }

static void meet(void) {
  const int turn = atomic_load(&meeting->passed);
  if (atomic_fetch_add(&meeting->arrived, 1) + 1 == all_ranks) {
    atomic_store(&meeting->arrived, 0);
    atomic_fetch_add(&meeting->passed, 1);
  } else
    while (atomic_load(&meeting->passed) == turn) sched_yield();
}

struct exchange { uint64_t from, to, elements; int64_t root; };
/* The sum in the order of the ranks, or what the root has. */
static void run_exchange(void *given) {
  const struct exchange *exchange = given;
  float *to = (void *)exchange->to;
  memcpy(meeting->values[own_rank], (void *)exchange->from, 4 * exchange->elements);
  meet();
  for (uint64_t i = 0; i < exchange->elements; i++) {
    float sum = 0;
    for (int rank = 0; rank < all_ranks; rank++) sum += meeting->values[rank][i];
    to[i] = exchange->root < 0 ? sum : meeting->values[exchange->root][i];
  }
  meet();
}

static struct exchange waiting[1024];
static int waiting_count, waiting_beside, fake_version = 22304;
void fake_nccl_set_version(int number) { fake_version = number; }
static ncclResult_t ask(struct exchange exchange, ncclDataType_t type, ncclComm_t comm, const void *stream) {
  const int beside = stream == (void *)0x58;
  if (comm != (ncclComm_t)0xc0 || (stream != (void *)0x57 && !beside) || type != ncclFloat32) return ncclInvalidArgument;
  if (waiting_count > 0 && beside != waiting_beside) return ncclInvalidUsage;
  /* A stream that does not follow the one that is recorded would run this now, and before 2.9 nothing is recorded. */
  if (graph_last != NULL && ((beside && !side_is_recorded) || fake_version < 20900)) return ncclInvalidUsage;
  waiting_beside = beside;
  if (exchange.elements > most_elements || waiting_count == 1024) return ncclInvalidUsage;
  waiting[waiting_count++] = exchange;
  if (in_group) return ncclSuccess;
  in_group = 1;
  extern ncclResult_t ncclGroupEnd(void);
  return ncclGroupEnd();
}

ncclResult_t ncclGetVersion(int *version) { return *version = fake_version, ncclSuccess; }
const char *ncclGetErrorString(ncclResult_t result) { return result == ncclInvalidUsage ? "invalid usage" : "remote process exited"; }
const char *ncclGetLastError(ncclComm_t comm) { return (void)comm, "as the stand-in says"; }
ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
  memset(id, 0, sizeof *id);
  snprintf(id->internal, sizeof id->internal, "%s/fake-nccl-%d", getenv("CRAM_CUDA_LIBRARIES"), (int)getpid());
  const int file = open(id->internal, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (file < 0 || ftruncate(file, sizeof(struct meeting)) != 0) return ncclSystemError;
  /* That all 128 bytes arrive. */
  id->internal[127] = 0x5a;
  return close(file), ncclSuccess;
}
ncclResult_t ncclCommInitRank(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank) {
  if (ranks > most_ranks || rank < 0 || rank >= ranks || id.internal[127] != 0x5a) return ncclInvalidUsage;
  const int file = open(id.internal, O_RDWR);
  if (file < 0) return ncclSystemError;
  meeting = mmap(NULL, sizeof *meeting, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  own_rank = rank, all_ranks = ranks;
  meet();
  close(file);
  if (rank == 0) unlink(id.internal);
  return *comm = (ncclComm_t)0xc0, SAY("nccl rank %d of %d\n", rank, ranks), ncclSuccess;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *result) {
  return *result = fake_failure, comm == (ncclComm_t)0xc0 ? ncclSuccess : ncclInvalidArgument;
}
ncclResult_t ncclGroupStart(void) { return in_group++, SAY("group\n"), ncclSuccess; }
ncclResult_t ncclGroupEnd(void) {
  if (--in_group > 0) return ncclSuccess;
  for (int i = 0; i < waiting_count; i++)
    submit_to(waiting_beside ? &side_last : graph_last != NULL ? &graph_last : &stream_last, run_exchange, &waiting[i], sizeof waiting[i]);
  SAY("asked for %d%s\n", waiting_count, waiting_beside ? " beside" : "");
  return waiting_count = 0, ncclSuccess;
}
ncclResult_t ncclAllReduce(const void *from, void *to, size_t elements, ncclDataType_t type, ncclRedOp_t operation,
                           ncclComm_t comm, cudaStream_t stream) {
  if (operation != ncclSum) return ncclInvalidArgument;
  SAY("sum %zu\n", elements);
  return ask((struct exchange){(uintptr_t)from, (uintptr_t)to, elements, -1}, type, comm, stream);
}
ncclResult_t ncclBroadcast(const void *from, void *to, size_t elements, ncclDataType_t type, int root, ncclComm_t comm,
                           cudaStream_t stream) {
  SAY("broadcast %zu of %d\n", elements, root);
  return ask((struct exchange){(uintptr_t)from, (uintptr_t)to, elements, root}, type, comm, stream);
}
