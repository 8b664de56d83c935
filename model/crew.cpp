#include "model/crew.hpp"

#include <csignal>

namespace desy {

crew::crew(int count)
{
    sigset_t all, before;
    sigfillset(&all); /* a program's signals are for its own threads, but for a thread's own faults */
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigdelset(&all, fault);
    threads.reserve((size_t)count);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        for (int i = 0; i < count; i++) threads.emplace_back([this] { wait_for_work(); });
    } catch (const std::exception &) { /* those that there are do all */
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

crew::~crew()
{
    {
        const std::lock_guard guard(lock);
        is_over = true;
    }
    begins.notify_all();
    for (std::thread &thread : threads) thread.join();
}

void crew::try_it(const std::function<void()> &work)
{
    try {
        work();
    } catch (...) {
        const std::lock_guard guard(lock);
        failure = std::current_exception();
    }
}

void crew::wait_for_work()
{
    std::unique_lock guard(lock);
    for (unsigned seen = 0;; seen = turn) {
        begins.wait(guard, [&] { return is_over || turn != seen; });
        if (is_over) return;
        const std::function<void()> &work = *now;
        guard.unlock();
        try_it(work);
        guard.lock();
        if (--busy == 0) ends.notify_one();
    }
}

void crew::run(const std::function<void()> &work)
{
    if (threads.empty()) return work();
    std::unique_lock guard(lock);
    now = &work;
    busy = threads.size();
    failure = nullptr;
    turn++;
    begins.notify_all();
    ends.wait(guard, [this] { return busy == 0; });
    if (failure) std::rethrow_exception(failure);
}

} // namespace desy
