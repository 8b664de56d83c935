/* Inside model/: threads that stay for as long as a network does: what libtorch keeps for each thread, as its micro-kernels, is made once, and not for each call or each thread of a program that calls. */
#ifndef DESY_MODEL_CREW_HPP
#define DESY_MODEL_CREW_HPP

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace desy {

class crew {
public:
    /* As many threads as asked for, or as can be had. */
    explicit crew(int count);
    ~crew();
    crew(const crew &) = delete;
    crew &operator=(const crew &) = delete;

    /* On all of them at once, or on the calling thread where there are none; returns when all have. Throws what one of them threw. */
    void run(const std::function<void()> &work);

private:
    void wait_for_work();
    void try_it(const std::function<void()> &work);

    std::mutex lock;
    std::condition_variable begins, ends;
    const std::function<void()> *now = nullptr; /* guarded by `lock`, as all below */
    unsigned turn = 0;
    size_t busy = 0;
    bool is_over = false;
    std::exception_ptr failure;
    std::vector<std::thread> threads;
};

} // namespace desy

#endif
