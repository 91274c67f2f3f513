#include "sim/fiber.h"

#include <sys/mman.h>

#include <boost/context/fiber.hpp>
#include <boost/context/stack_context.hpp>
#include <cstdint>
#include <new>
#include <utility>

#include "bus/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define MILLRACE_FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MILLRACE_FIBER_ASAN 1
#endif
#endif
#ifdef MILLRACE_FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace millrace::sim {
namespace {

// As large as that of production's threads, so that a stage may do here what it may there; pages that are not touched
// cost nothing.
constexpr size_t kStackBytes = 8 << 20;
// Not accessible, below the stack: more than a frame steps over.
constexpr size_t kGuardBytes = 1 << 20;

thread_local Fiber* current = nullptr;

// Remembers where a stack lies, for sanitizers that have to be told, and for who asks how it was left.
struct StackAllocator {
  const void** bottom;
  size_t* size;
  boost::context::stack_context allocate() {
    void* const all =
        mmap(nullptr, kGuardBytes + kStackBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    char* const low = static_cast<char*>(all) + kGuardBytes;
    if (mprotect(low, kStackBytes, PROT_READ | PROT_WRITE) != 0) {
      munmap(all, kGuardBytes + kStackBytes);
      throw std::bad_alloc();
    }
    // The few pages that are touched are no reason for a huge one.
    madvise(low, kStackBytes, MADV_NOHUGEPAGE);
    *bottom = low;
    *size = kStackBytes;
    boost::context::stack_context context;
    context.size = kStackBytes;
    context.sp = low + kStackBytes;
    return context;
  }
  void deallocate(boost::context::stack_context& context) {
    munmap(static_cast<char*>(context.sp) - kStackBytes - kGuardBytes, kGuardBytes + kStackBytes);
  }
};

}  // namespace

struct Fiber::State {
  boost::context::fiber inside;   // the body's side, while it stands still
  boost::context::fiber outside;  // whoever resumed it, while it runs
  bool leave = false;
  const void* bottom = nullptr;
  size_t size = 0;
  const void* outer_bottom = nullptr;
  size_t outer_size = 0;
  void* fake_stack = nullptr;
  void* outer_fake_stack = nullptr;

  // Back to the outside, from inside.
  void Leave() {
#ifdef MILLRACE_FIBER_ASAN
    __sanitizer_start_switch_fiber(&fake_stack, outer_bottom, outer_size);
#endif
    outside = std::move(outside).resume();
    Entered();
  }
  void Entered() {
#ifdef MILLRACE_FIBER_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, &outer_bottom, &outer_size);
#endif
  }
};

Fiber::Fiber() : state_(std::make_unique<State>()) {
  State* state = state_.get();
  state->inside =
      boost::context::fiber(std::allocator_arg, StackAllocator{.bottom = &state->bottom, .size = &state->size},
                            [this, state](boost::context::fiber&& outside) {
                              state->outside = std::move(outside);
                              state->Entered();
                              while (true) {
                                if (state->leave) break;
                                body_();
                                body_ = nullptr;
                                done_ = true;
                                state->Leave();
                              }
                              return std::move(state->outside);
                            });
}

Fiber::~Fiber() {
  MR_CHECK(done_) << "a fiber is destroyed only after its body's end";
#ifdef MILLRACE_FIBER_ASAN
  // The way out of a stack leads through frames that the sanitizer believes gone; there they are kept.
  static std::vector<std::unique_ptr<State>>& kept = *new std::vector<std::unique_ptr<State>>;
  kept.push_back(std::move(state_));
#else
  state_->leave = true;
  Switch();
#endif
}

void Fiber::Switch() {
  outer_ = current;
  current = this;
#ifdef MILLRACE_FIBER_ASAN
  __sanitizer_start_switch_fiber(&state_->outer_fake_stack, state_->bottom, state_->size);
#endif
  state_->inside = std::move(state_->inside).resume();
#ifdef MILLRACE_FIBER_ASAN
  __sanitizer_finish_switch_fiber(state_->outer_fake_stack, nullptr, nullptr);
#endif
  current = outer_;
}

void Fiber::Start(std::function<void()> body) {
  MR_CHECK(done_) << "the fiber is busy";
  body_ = std::move(body);
  done_ = false;
  Switch();
}

void Fiber::Resume() {
  MR_CHECK(!done_) << "nothing to resume";
  Switch();
}

void Fiber::Suspend() {
  MR_CHECK(current != nullptr) << "Suspend outside of a fiber";
  current->state_->Leave();
}

Fiber* Fiber::Current() { return current; }

bool Fiber::UsedUpStack(const void* address) {
  if (current == nullptr) return false;
  const auto* const low = static_cast<const char*>(current->state_->bottom);
  const auto* const at = static_cast<const char*>(address);
  return at >= low - kGuardBytes && at < low;
}

FiberPool::~FiberPool() = default;

Fiber* FiberPool::Take() {
  if (free_.empty()) return new Fiber;
  Fiber* fiber = free_.back().release();
  free_.pop_back();
  return fiber;
}

void FiberPool::Give(Fiber* fiber) {
  if (!fiber->done()) return;  // its stack is still in use by what never ended
  std::unique_ptr<Fiber> owned(fiber);
  if (free_.size() < KeptMost()) free_.push_back(std::move(owned));
}

size_t FiberPool::KeptMost() {
#ifdef MILLRACE_FIBER_ASAN
  return SIZE_MAX;
#else
  return 64;
#endif
}

}  // namespace millrace::sim
