#include <azkv/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <doctest/doctest.h>

#include <cstdint>
#include <system_error>
#include <type_traits>

using namespace azkv;
using boost::system::error_code;
namespace asio = boost::asio;

static_assert(std::is_nothrow_copy_constructible_v<error>);
static_assert(std::is_nothrow_copy_constructible_v<put_all_error>);

TEST_CASE("codes have conditions") {
    CHECK(error_code(errc::throttled) == condition::throttled);
    CHECK(error_code(errc::throttled) == condition::transient);
    CHECK(error_code(errc::timed_out) == condition::timed_out);
    CHECK(error_code(errc::timed_out) == condition::transient);
    CHECK(error_code(asio::error::timed_out) == condition::timed_out);
    CHECK(error_code(asio::error::connection_refused) == condition::transient);
    CHECK(error_code(asio::error::eof) == condition::transient);
    CHECK(error_code(asio::ssl::error::stream_truncated) == condition::transient);
    CHECK(error_code(errc::forbidden) == condition::unauthorized);
    CHECK(error_code(errc::unauthorized) == condition::unauthorized);
    CHECK(error_code(errc::too_large) == condition::too_large);
    CHECK(error_code(errc::too_large) == condition::invalid_argument);
    CHECK(error_code(errc::invalid_connection_string) == condition::invalid_argument);
    CHECK(error_code(errc::not_found) == condition::not_found);
    CHECK(error_code(errc::conflict) == condition::conflict);
    CHECK(error_code(errc::precondition_failed) == condition::precondition_failed);
    CHECK(error_code(errc::type_mismatch) == condition::type_mismatch);
    CHECK(error_code(errc::type_mismatch) != condition::invalid_argument);
    CHECK(error_code(errc::forbidden) != condition::transient);
    CHECK(error_code(errc::bad_response) != condition::transient);
    CHECK(error_code(asio::error::operation_aborted) != condition::transient);
    CHECK(error_code() != condition::transient);
}

TEST_CASE("a category is identified by its id so that two copies of the library agree") {
    class twin : public boost::system::error_category {
    public:
        explicit twin(std::uint64_t id) : error_category(id) {}

        const char* name() const noexcept override { return "twin"; }

        std::string message(int) const override { return {}; }
    };

    CHECK(error_category() == twin(0x7A5D'31C8'0E94'B6F2)); // part of the ABI
    CHECK(condition_category() == twin(0xC1F6'842B'9D07'53AE));
    CHECK(error_category() != condition_category());
    CHECK(error_code(static_cast<int>(errc::closed), twin(0x7A5D'31C8'0E94'B6F2)) == errc::closed);
}

TEST_CASE("codes and conditions are also those of std") {
    static_assert(std::is_error_code_enum_v<errc>);
    static_assert(std::is_error_condition_enum_v<condition>);
    const std::error_code code = errc::throttled;
    CHECK(code == errc::throttled);
    CHECK(code != errc::closed);
    CHECK(code == condition::transient);
    CHECK(code != condition::not_found);
    CHECK(code.message() == error_category().message(static_cast<int>(errc::throttled)));
    const std::error_condition group = condition::transient;
    CHECK(code == group);
    CHECK(std::error_code(error_code(errc::throttled)) == code); // converted like a Boost code
}

TEST_CASE("every code and condition has a description of its own") {
    for (int i = 1; i <= static_cast<int>(errc::closed); ++i)
        CHECK(error_category().message(i) != "unknown error");
    CHECK(error_category().message(999) == "unknown error");
    for (int i = 1; i <= static_cast<int>(condition::type_mismatch); ++i)
        CHECK(condition_category().message(i) != "unknown condition");
    CHECK(condition_category().message(999) == "unknown condition");
}

TEST_CASE("an error holds what it was constructed with") {
    diagnostics d;
    d.status = 503;
    d.service_code = "ServerBusy";
    d.server_message = "later";
    d.request_id = "id";
    d.key = "k";
    const error e(errc::throttled, "put \"k\": busy", d);
    const boost::system::system_error& base = e;
    CHECK(std::string(base.what()) == "put \"k\": busy");
    CHECK(base.code() == errc::throttled);
    CHECK(e.status() == 503);
    CHECK(e.service_code() == "ServerBusy");
    CHECK(e.server_message() == "later");
    CHECK(e.request_id() == "id");
    CHECK(e.key() == "k");
    CHECK(error(errc::conflict, "x").status() == 0);
}

TEST_CASE("a put_all_error has both lists and is an error") {
    diagnostics d;
    d.status = 503;
    d.key = "b";
    const error first(errc::server_error, "first", d);
    const put_all_error sure(first, "what", {"a", "b"}, {});
    CHECK(sure.not_written() == std::vector<std::string>{"a", "b"});
    CHECK(sure.unknown().empty());
    CHECK_FALSE(sure.outcome_unknown());
    const put_all_error unsure(first, "what", {}, {"c"});
    CHECK(unsure.outcome_unknown());
    const error& base = unsure;
    CHECK(std::string(base.what()) == "what");
    CHECK(base.code() == errc::server_error);
    CHECK(base.status() == 503);
    CHECK(base.key() == "b");
}
