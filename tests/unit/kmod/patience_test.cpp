// SPDX-License-Identifier: MIT
//
// kmod/patience.c with another CPU intervening at each of its steps in turn: on a real machine
// these windows are a few instructions wide. Each scenario ends with requests that nobody takes,
// and the front end must have been notified of them.
#include <functional>

#include <gtest/gtest.h>

extern "C" {
#include "patience.h"
}

namespace {

// Runs at one of the moments; and how many moments there were.
std::function<void()> intruder;
int moments, intrusion;

} // namespace

extern "C" {

unsigned long jiffies;
struct workqueue_struct* userblk_reclaim_wq;

void moment(void) {
    if (moments++ != intrusion || !intruder)
        return;
    const auto act = std::move(intruder);
    intruder = nullptr;
    act();
}

// Everything queued is as old as its oldest request.
unsigned int userblk_queue_expire(struct userblk_queue* queue, unsigned long, unsigned long*) {
    const u32 expired = queue->hwqs[0].queued;
    queue->hwqs[0].queued = 0;
    return expired;
}
}

namespace {

// The queue of one device.
class Patience : public testing::Test {
protected:
    Patience() { start_anew(); }

    void start_anew(unsigned long limit = 0) {
        hwq = {};
        queue = {};
        front = {};
        hwq.queue = &queue;
        queue.hwqs = &hwq;
        queue.nr_hwqs = 1;
        queue.front = &front;
        queue.limit = limit;
        jiffies = 1'000'000;
        moments = 0;
        userblk_patience_init(&queue);
    }

    void add() {
        hwq.queued++;
        userblk_queue_kick(&hwq);
    }
    // False if the queue is empty.
    bool take() {
        if (hwq.queued == 0)
            return false;
        hwq.queued--;
        userblk_patience_note_taken(&queue);
        return true;
    }
    // Time passes until nothing is left to do.
    void let_time_pass() {
        for (int i = 0; i < 100; i++) {
            delayed_work* next = nullptr;
            for (delayed_work* one : {&queue.unserved, &queue.expire})
                if (one->pending && (next == nullptr || one->due < next->due))
                    next = one;
            if (next == nullptr)
                return;
            jiffies = std::max(jiffies, next->due);
            next->pending = false;
            next->work.function(&next->work);
        }
        ADD_FAILURE() << "it never comes to rest";
    }
    // Runs the scenario with the intruder at the first moment, then at the second … until the
    // intruder finds no moment; returns how often it ran.
    template <class Scenario>
    int at_every_moment(const std::function<void()>& act, Scenario scenario) {
        for (intrusion = 0;; intrusion++) {
            start_anew(queue.limit);
            intruder = act;
            scenario();
            if (intruder)
                break;
        }
        intruder = nullptr;
        return intrusion;
    }

    userblk_hwq hwq{};
    userblk_queue queue{};
    userblk_front front{};
};

// The front end is notified once of requests that nobody takes, and again after one was taken.
TEST_F(Patience, ReportsUntakenRequestsOnce) {
    intruder = nullptr;
    add();
    add();
    let_time_pass();
    EXPECT_EQ(front.told, 1);
    add();
    let_time_pass();
    EXPECT_EQ(front.told, 1);
    EXPECT_TRUE(take());
    let_time_pass();
    EXPECT_EQ(front.told, 2);
}

// A request taken in time is not reported.
TEST_F(Patience, ReportsNoTakenRequests) {
    intruder = nullptr;
    add();
    EXPECT_TRUE(take());
    let_time_pass();
    EXPECT_EQ(front.told, 0);
}

// The last request is taken just as the queue is found to wait for a taker. Later requests that
// wait are still reported.
TEST_F(Patience, ATakeAtAnyMomentHidesNothingLater) {
    const int tried = at_every_moment([this] { take(); },
                                      [this] {
                                          add();
                                          let_time_pass();
                                          take();
                                          const int before = front.told;
                                          add();
                                          let_time_pass();
                                          if (hwq.queued != 0) {
                                              EXPECT_EQ(front.told, before + 1)
                                                  << "moment " << intrusion;
                                          }
                                      });
    EXPECT_GT(tried, 8);
}

// The same, and the next request comes at once.
TEST_F(Patience, ATakeAndAnotherRequestAtAnyMoment) {
    const int tried = at_every_moment(
        [this] {
            take();
            front.told = 0;
            add();
        },
        [this] {
            add();
            let_time_pass();
            if (!intruder) {
                EXPECT_GE(front.told, 1) << "moment " << intrusion;
            }
        });
    EXPECT_GT(tried, 8);
}

// Another request arrives at any moment of a wait's end.
TEST_F(Patience, ARequestAtAnyMomentIsSeen) {
    const int tried = at_every_moment([this] { add(); },
                                      [this] {
                                          add();
                                          take();
                                          let_time_pass();
                                          if (hwq.queued != 0) {
                                              EXPECT_GE(front.told, 1) << "moment " << intrusion;
                                          }
                                      });
    EXPECT_GT(tried, 4);
}

// With a limit every waiting request expires, whenever it arrived.
TEST_F(Patience, ARequestAtAnyMomentExpires) {
    queue.limit = HZ / 2;
    const int tried = at_every_moment([this] { add(); },
                                      [this] {
                                          add();
                                          let_time_pass();
                                          EXPECT_EQ(hwq.queued, 0U) << "moment " << intrusion;
                                      });
    EXPECT_GT(tried, 4);
}

} // namespace
