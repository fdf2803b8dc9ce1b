#include "identity/sources/run_process.hpp"

#include "async/manual_reset_event.hpp"
#include "support/process.hpp"
#include "support/wipe.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace azkv::identity {

using boost::system::error_code;

namespace {

[[noreturn]] void fail(int number) {
    throw boost::system::system_error(error_code(number, boost::system::system_category()));
}

void require(int number) {
    if (number != 0) fail(number);
}

/// Owns a descriptor.
class descriptor {
public:
    descriptor() {}

    explicit descriptor(int number) : number_(number) {
        if (number_ < 0) fail(errno);
    }

    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    ~descriptor() { reset(-1); }

    int number() const { return number_; }

    void reset(int number) {
        if (number_ >= 0) ::close(number_);
        number_ = number;
    }

    void release_to(asio::posix::stream_descriptor& d) {
        d.assign(number_);
        number_ = -1;
    }

private:
    int number_ = -1;
};

/// A pipe for the output of a program. No other program inherits either end.
class pipe_ends {
public:
    pipe_ends() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) fail(errno);
        read.reset(ends[0]);
        write.reset(ends[1]);
    }

    descriptor read;
    descriptor write;
};

/// The descriptors, the directory and the signals that a program starts with.
class spawn_settings {
public:
    spawn_settings(int output, int errors, const std::string& directory) {
        require(posix_spawn_file_actions_init(&actions));
        require(posix_spawnattr_init(&attributes));
        require(posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
        require(posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO));
        require(posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO));
        // Sockets, for instance, that their owners did not mark close-on-exec.
        require(posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1));
        require(posix_spawn_file_actions_addchdir_np(&actions, directory.c_str()));

        sigset_t signals;
        sigemptyset(&signals);
        require(posix_spawnattr_setsigmask(&attributes, &signals));
        sigfillset(&signals);
        require(posix_spawnattr_setsigdefault(&attributes, &signals));
        require(posix_spawnattr_setpgroup(&attributes, 0));
        require(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
                                                          | POSIX_SPAWN_SETSIGDEF));
    }

    ~spawn_settings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }

    spawn_settings(const spawn_settings&) = delete;
    spawn_settings& operator=(const spawn_settings&) = delete;

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& t : texts) all.push_back(t.data());
    return all;
}

bool has_name(std::string_view variable, std::string_view name) {
    return variable.size() > name.size() && variable[name.size()] == '=' && variable.starts_with(name);
}

// The time for the output of an ended program to arrive.
constexpr std::chrono::milliseconds drain_time{100};

/// A running program. The destructor kills what still runs.
///
/// Boost.Process does not fit: it notifies the I/O context of a fork, which waits for name look-ups in this
/// process and takes locks in the child that other threads may have held; and its wait blocks a thread after
/// a spurious wake-up.
class child : public std::enable_shared_from_this<child> {
public:
    child(const asio::any_io_executor& executor, const command& c)
        : command_(c), done_(std::make_shared<async::manual_reset_event>(executor)),
          output_(executor, c.max_output), errors_(executor, c.max_errors), exit_(executor),
          limit_(executor) {}

    ~child() {
        if (pid_ <= 0 || reaped_ || process_ != support::process_number())
            return; // reaped, or a child of the parent process
        kill_all();
        while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    child(const child&) = delete;
    child& operator=(const child&) = delete;

    static asio::awaitable<process_result> run(std::shared_ptr<child> self) {
        const auto begin = [self] { self->begin(); };
        const auto cancel = [self] { self->cancel(); };
        co_await self->done_->join(begin, cancel);
        co_return self->result();
    }

private:
    const unsigned process_ = support::process_number();

    // Runs one step of the state machine, on any thread. An exception ends the program.
    template <class F>
    void step(F f) noexcept {
        const std::lock_guard lock(mutex_);
        if (finished_) return; // the result is final
        try {
            f();
        } catch (...) {
            failure_ = std::current_exception();
            kill_all();
            close_pipes();
            finish_now();
        }
    }

    void begin() {
        step([this] {
            start();
            read(output_);
            read(errors_);
            if (!exited_) await_exit();
            set_limit(command_.time_limit, [](child& c) { c.end(process_result::ending::timed_out); });
        });
    }

    void cancel() {
        step([this] {
            cancelled_ = true;
            end(process_result::ending::exited);
        });
    }

    process_result result() {
        const std::lock_guard lock(mutex_);
        if (exited_) reap(); // otherwise the destructor waits for it
        if (cancelled_) throw boost::system::system_error(asio::error::operation_aborted);
        if (failure_) std::rethrow_exception(failure_);
        result_.output = output_.take();
        result_.errors = errors_.take();
        return std::move(result_);
    }

    /// A stream of output.
    class stream {
    public:
        // One byte more than the limit, to notice too much output. Allocated at once: growing would leave
        // copies.
        stream(const asio::any_io_executor& executor, std::size_t limit)
            : pipe(executor), text(limit + 1, '\0') {}

        ~stream() { wipe(text); }

        secret take() {
            text.resize(used);
            return secret(std::move(text));
        }

        asio::posix::stream_descriptor pipe;
        std::string text;
        std::size_t used = 0;
        bool open = true;
    };

    void start() {
        std::vector<std::string> texts = command_.arguments;
        texts.insert(texts.begin(), command_.program);
        std::vector<char*> arguments = pointers(texts);
        arguments.push_back(nullptr);

        std::vector<std::string> own;
        for (const auto& [name, value] : command_.variables) own.push_back(name + '=' + value);
        std::vector<char*> variables = pointers(own);
        for (char** v = environ; v && *v; ++v) {
            const bool replaced = std::ranges::any_of(command_.variables, [&](const auto& own_variable) {
                return has_name(*v, own_variable.first);
            });
            if (!replaced) variables.push_back(*v);
        }
        variables.push_back(nullptr);

        pipe_ends output, errors;
        const spawn_settings settings(output.write.number(), errors.write.number(),
                                      command_.working_directory);
        pid_t pid = 0;
        require(posix_spawn(&pid, command_.program.c_str(), &settings.actions, &settings.attributes,
                            arguments.data(), variables.data()));
        pid_ = pid;
        const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
        if (handle < 0 && errno == ESRCH) {
            exited_ = reaped_ = true; // it ended at once, and other code reaped it
        } else {
            descriptor exit(handle);
            exit.release_to(exit_);
        }
        output.read.release_to(output_.pipe);
        errors.read.release_to(errors_.pipe);
    }

    void read(stream& s) {
        s.pipe.async_read_some(asio::buffer(s.text.data() + s.used, s.text.size() - s.used),
                               [self = shared_from_this(), &s](error_code ec, std::size_t n) {
                                   self->step([&] { self->on_read(s, ec, n); });
                               });
    }

    void on_read(stream& s, error_code ec, std::size_t n) {
        if (!s.open) return; // closed meanwhile
        s.used += n;
        if (ec) {
            s.open = false;
            finish();
        } else if (s.used == s.text.size()) {
            end(process_result::ending::too_much_output);
        } else {
            read(s);
        }
    }

    void await_exit() {
        exit_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](error_code) { self->step([&] { self->on_exit(); }); });
    }

    void on_exit() {
        if (!has_exited()) return await_exit(); // a wake-up may be spurious
        exited_ = true;
        finish();
        if (finished_) return;
        // Processes that it started may keep the pipes open; its own output is in them by now.
        set_limit(drain_time, [](child& c) { c.stop_reading(); });
    }

    template <class F>
    void set_limit(std::chrono::milliseconds after, F then) {
        limit_.expires_after(after);
        limit_.async_wait([self = shared_from_this(), then](error_code ec) {
            if (!ec) self->step([&] { then(*self); });
        });
    }

    void stop_reading() {
        close_pipes();
        finish();
    }

    void close_pipes() {
        for (stream* const s : {&output_, &errors_}) {
            error_code ignored;
            s->open = false;
            s->pipe.close(ignored);
        }
    }

    // Does not reap it: until it is reaped, no other process or group gets its number.
    bool has_exited() {
        siginfo_t info{};
        const int failed =
            waitid(P_PIDFD, static_cast<id_t>(exit_.native_handle()), &info, WEXITED | WNOHANG | WNOWAIT);
        if (failed) reaped_ = true; // by other code
        return failed || info.si_pid != 0;
    }

    void reap() {
        siginfo_t info{};
        const bool known =
            !reaped_
            && waitid(P_PIDFD, static_cast<id_t>(exit_.native_handle()), &info, WEXITED | WNOHANG) == 0
            && info.si_pid != 0;
        reaped_ = true;
        if (known) result_.exit_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    }

    void kill_all() {
        if (pid_ <= 0) return;                             // not started
        if (process_ != support::process_number()) return; // a child of the parent process
        if (exit_.is_open()) has_exited();                 // it may have been reaped
        if (!reaped_) ::kill(-pid_, SIGKILL);
    }

    // Ends the program early. Its exit follows at once after the kill.
    void end(process_result::ending how) {
        if (finished_) return;
        result_.how = how;
        kill_all();
        stop_reading();
    }

    void finish() {
        if (finished_ || !exited_ || output_.open || errors_.open) return;
        finish_now();
    }

    void finish_now() {
        finished_ = true;
        limit_.cancel();
        done_->set();
    }

    const command command_;
    const std::shared_ptr<async::manual_reset_event> done_;

    std::mutex mutex_; // guards the members below
    stream output_;
    stream errors_;
    asio::posix::stream_descriptor exit_; // ready when the program has ended
    asio::steady_timer limit_;
    pid_t pid_ = 0;
    bool exited_ = false;
    bool reaped_ = false;
    bool finished_ = false;
    bool cancelled_ = false;
    std::exception_ptr failure_;
    process_result result_;
};

} // namespace

asio::awaitable<process_result> run_process(command c) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto running = std::make_shared<child>(executor, c);
    co_return co_await child::run(running);
}

std::optional<std::string> find_program(std::string_view name, std::string_view path) {
    while (!path.empty()) {
        const std::string_view directory = path.substr(0, path.find(':'));
        path.remove_prefix(std::min(directory.size() + 1, path.size()));
        if (!directory.starts_with('/')) continue;
        const std::string file = std::string(directory) + '/' + std::string(name);

        struct stat about {};

        if (stat(file.c_str(), &about) == 0 && S_ISREG(about.st_mode) && access(file.c_str(), X_OK) == 0)
            return file;
    }
    return std::nullopt;
}

} // namespace azkv::identity
