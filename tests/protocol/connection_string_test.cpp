#include "protocol/connection_string.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <doctest/doctest.h>

using namespace azkv;
using protocol::parse_connection_string;
using test::contains;

namespace {

constexpr char key[] = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";

std::string reason(const std::string& text) {
    const error e = test::failure_of([&] { parse_connection_string(text); });
    CHECK(e.code() == errc::invalid_connection_string);
    CHECK(e.code() == condition::invalid_argument);
    CHECK_FALSE(contains(e.what(), key));
    return e.what();
}

} // namespace

TEST_CASE("the string of a storage account") {
    const auto s = parse_connection_string(
        std::string("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=") + key
        + "==;BlobEndpoint=https://acct.blob.core.windows.net/;EndpointSuffix=core.windows.net");
    CHECK(s.endpoint == "https://acct.table.core.windows.net");
    CHECK(s.account == "acct");
    CHECK(s.key == std::string(key) + "==");
    CHECK(s.sas.empty());
}

TEST_CASE("defaults, sovereign clouds and names in any case") {
    const auto s = parse_connection_string(std::string("accountname=acct; ACCOUNTKEY=") + key + " ;");
    CHECK(s.endpoint == "https://acct.table.core.windows.net");
    const auto china =
        parse_connection_string(std::string("AccountName=acct;AccountKey=") + key
                                + ";EndpointSuffix=core.chinacloudapi.cn;DefaultEndpointsProtocol=HTTPS");
    CHECK(china.endpoint == "HTTPS://acct.table.core.chinacloudapi.cn");
}

TEST_CASE("the string of a Cosmos DB account, and of its emulator") {
    const auto s =
        parse_connection_string(std::string("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=")
                                + key + ";TableEndpoint=https://acct.table.cosmos.azure.com:443/;");
    CHECK(s.endpoint == "https://acct.table.cosmos.azure.com:443/");
    const auto emulator =
        parse_connection_string(std::string("DefaultEndpointsProtocol=http;AccountName=localhost;AccountKey=")
                                + key + ";TableEndpoint=http://localhost:8902/;");
    CHECK(emulator.endpoint == "http://localhost:8902/");
    CHECK(emulator.account == "localhost");
}

TEST_CASE("development storage") {
    const auto s = parse_connection_string("UseDevelopmentStorage=true");
    CHECK(s.endpoint == "http://127.0.0.1:10002/devstoreaccount1");
    CHECK(s.account == "devstoreaccount1");
    CHECK_FALSE(s.key.empty());
    CHECK(parse_connection_string("usedevelopmentstorage=TRUE;").endpoint == s.endpoint);
    CHECK(parse_connection_string("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://my.host")
              .endpoint
          == "http://my.host:10002/devstoreaccount1");
    CHECK(contains(reason("UseDevelopmentStorage=yes"), "UseDevelopmentStorage"));
    CHECK(contains(reason("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=nonsense"),
                   "DevelopmentStorageProxyUri"));
}

TEST_CASE("a shared access signature") {
    const auto s = parse_connection_string(
        "TableEndpoint=https://acct.table.core.windows.net/;SharedAccessSignature=sv=2019-02-02&sig=a%3D");
    CHECK(s.endpoint == "https://acct.table.core.windows.net/");
    CHECK(s.sas == "sv=2019-02-02&sig=a%3D");
    CHECK(s.key.empty());
    CHECK(parse_connection_string("AccountName=acct;SharedAccessSignature=?sig=a").endpoint
          == "https://acct.table.core.windows.net");
}

TEST_CASE("the string of a SQL API account gets an answer that helps") {
    const std::string why =
        reason(std::string("AccountEndpoint=https://x.documents.azure.com:443/;AccountKey=") + key + ";");
    CHECK(contains(why, "SQL API"));
    CHECK(contains(why, "TableEndpoint"));
}

TEST_CASE("what is wrong is named, and nothing is repeated that may be secret") {
    CHECK(contains(reason(""), "empty"));
    CHECK(contains(reason(";;"), "empty"));
    CHECK(contains(reason(key), "Name=Value"));
    CHECK(contains(reason(std::string("=") + key), "Name=Value"));
    CHECK(contains(reason("AccountName=a"), "neither"));
    CHECK(contains(reason(std::string("AccountKey=") + key), "AccountName"));
    CHECK(contains(reason(std::string("AccountName=a;AccountKey=") + key + ";accountkey=" + key), "twice"));
    CHECK(contains(reason(std::string(key) + "==;" + key + "=="), "a setting twice"));
    CHECK(contains(reason("\"UseDevelopmentStorage=true\""), "quotation mark"));
    CHECK(contains(reason("AccountName=a;AccountKey="), "AccountKey"));
    CHECK(contains(reason(std::string("AccountName=a;AccountKey=") + key + ";SharedAccessSignature=sig=1"),
                   "both"));
    CHECK(contains(reason(std::string("AccountName=a;AccountKey=") + key + ";DefaultEndpointsProtocol=ftp"),
                   "DefaultEndpointsProtocol"));
    CHECK(
        contains(reason(std::string("AccountName=a;AccountKey=") + key + ";TableSecondaryEndpoint=https://s"),
                 "TableSecondaryEndpoint"));
    CHECK(contains(reason("SharedAccessSignature=sig=1"), "TableEndpoint"));
}
