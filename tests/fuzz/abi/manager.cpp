// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/manager.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/eventually.hpp"
#include "tests/support/process.hpp"
#include "tests/support/watchdog.hpp"

namespace userblk::fuzz {

namespace {

// Exit status of the fuzzing process.
enum { all_well = 0, finding = 3, trouble = 4 };

void handle_signals() {
    struct sigaction nothing {};
    nothing.sa_handler = [](int) {}; // interrupts blocking calls
    sigaction(SIGUSR1, &nothing, nullptr);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    // So that a file can exceed the limit.
    const rlimit largest{64 << 20, 64 << 20};
    setrlimit(RLIMIT_FSIZE, &largest);
}

int run_task(const Task& task, Channel& channel, Shared& shared, const Targets& targets,
             const ModuleMap& module, int journal) {
    try {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        handle_signals();
        Records records;
        if (!task.privileged) {
            test::drop_privileges();
            prctl(PR_SET_PDEATHSIG, SIGKILL);
        }
        Fuzzer fuzzer(channel, shared, targets, records, module, journal);
        task.run(fuzzer);
    } catch (const Finding& what) {
        channel.send('F', what.what());
        _exit(finding); // leave everything as it is: what hangs, hangs
    } catch (const std::exception& what) {
        std::cerr << "fuzz_abi: " << what.what() << std::endl;
        return trouble;
    }
    return all_well;
}

std::string described(int status) {
    if (WIFSIGNALED(status))
        return "died of signal " + std::to_string(WTERMSIG(status));
    return "ended with status " + std::to_string(WEXITSTATUS(status));
}

} // namespace

bool Manager::run(const Task& task) {
    std::filesystem::create_directories(folder_ + "/corpus");
    std::filesystem::create_directories(folder_ + "/distilled");
    const test::Fd journal = test::open_file(folder_ + "/" + task.name + ".journal",
                                             O_RDWR | O_CREAT | O_TRUNC | O_APPEND);
    const Targets targets; // cleaned up by this process only
    const ModuleMap module;
    auto [ours, theirs] = Channel::make();
    std::cout.flush();
    const pid_t process = fork();
    if (process < 0)
        test::throw_errno("unable to fork");
    if (!process) {
        ours.close();
        const int status = run_task(task, theirs, shared_, targets, module, journal.get());
        std::cout.flush();
        _exit(status);
    }
    theirs.close();
    return monitor(task, ours, process);
}

bool Manager::makes_progress() {
    const auto now = std::chrono::steady_clock::now();
    if (shared_.calls != last_calls_) {
        last_calls_ = shared_.calls;
        last_step_ = now;
    }
    return now - last_step_ < 4 * test::patience;
}

bool Manager::monitor(const Task& task, Channel& channel, int process) {
    bool well = true;
    last_step_ = std::chrono::steady_clock::now();
    while (well) {
        const std::optional<Message> message = channel.receive(std::chrono::seconds(1));
        if (message && !message->what)
            break; // the process has exited
        if (message)
            well = answer(task, channel, *message);
        if (makes_progress())
            continue;
        well = report(task, "it hangs");
        test::show_process(std::to_string(process));
    }
    if (!well) {
        kill(process, SIGKILL);
        remove_devices(); // what hangs may wait for an answer
    }
    int status = 0;
    if (!test::eventually([&] { return waitpid(process, &status, WNOHANG) == process; }))
        return report(task, "it does not end after its devices are gone");
    if (well && status) {
        remove_devices();
        return report(task, described(status));
    }
    const std::string rest = well ? check_module_unused() : "";
    return rest.empty() ? well : report(task, rest);
}

bool Manager::answer(const Task& task, Channel& channel, const Message& message) {
    std::string problem;
    switch (message.what) {
    case 'C':
        write_program("corpus", message.text);
        break;
    case 'K':
        if (task.privileged) // root covers everything that workers cover
            write_program("distilled", message.text);
        break;
    case 'U':
        std::ofstream(folder_ + "/" + task.name + ".uncovered") << message.text;
        break;
    case 'F':
        return report(task, message.text);
    case 'R':
        channel.send('r', remove_devices());
        break;
    case 'N':
        problem = check_module_unused();
        if (problem.empty())
            problem = make_devices(channel, task.privileged ? 0 : test::nobody);
        break;
    default:
        problem = "unknown message";
    }
    return problem.empty() || report(task, problem);
}

// Named by its content, so that no program is stored twice.
void Manager::write_program(const std::string& kind, const std::string& text) {
    char name[24];
    std::snprintf(name, sizeof(name), "%016zx", std::hash<std::string>()(text));
    std::ofstream(folder_ + "/" + kind + "/" + name + ".txt") << text;
}

bool Manager::report(const Task& task, const std::string& what) {
    const std::string name = folder_ + "/" + task.name;
    std::ifstream journal(name + ".journal");
    std::ofstream(name + ".finding") << "# " << what << '\n' << journal.rdbuf();
    std::cerr << "fuzz_abi: as " << task.name << ": " << what << "; what was run: " << name
              << ".finding" << std::endl;
    return false;
}

} // namespace userblk::fuzz
