#include "protocol/connection_string.hpp"
#include "support/run.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/error.hpp>
#include <azkv/store.hpp>

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using protocol::parse_connection_string;
using test::contains;
namespace asio = boost::asio;

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
    CHECK(s.key.reveal() == std::string(key) + "==");
    CHECK(s.sas.empty());
}

TEST_CASE("defaults and sovereign clouds and names in any case") {
    const auto s = parse_connection_string(std::string("accountname=acct; ACCOUNTKEY=") + key + " ;");
    CHECK(s.endpoint == "https://acct.table.core.windows.net");
    const auto china =
        parse_connection_string(std::string("AccountName=acct;AccountKey=") + key
                                + ";EndpointSuffix=core.chinacloudapi.cn;DefaultEndpointsProtocol=HTTPS");
    CHECK(china.endpoint == "https://acct.table.core.chinacloudapi.cn");
}

TEST_CASE("the string of a Cosmos DB account and of its emulator") {
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
    CHECK(s.sas.reveal() == "sv=2019-02-02&sig=a%3D");
    CHECK(s.key.empty());
    CHECK(parse_connection_string("AccountName=acct;SharedAccessSignature=?sig=a").endpoint
          == "https://acct.table.core.windows.net");
}

TEST_CASE("the string of a SQL API account is rejected with a helpful message") {
    const std::string why =
        reason(std::string("AccountEndpoint=https://x.documents.azure.com:443/;AccountKey=") + key + ";");
    CHECK(contains(why, "SQL API"));
    CHECK(contains(why, "TableEndpoint"));
}

namespace {

// A string, and what the error about it must name.
struct refused {
    const char* text; // `KEY` stands for the key, `ACCT` for a name with a key
    const char* named;
};

std::string filled_in(std::string text) {
    for (const auto& [what, with] :
         {std::pair<std::string, std::string>{"ACCT", "AccountName=acct;AccountKey=KEY"}, {"KEY", key}})
        for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size()))
            text.replace(at, what.size(), with);
    return text;
}

} // namespace

TEST_CASE("an invalid string is rejected and the error names the setting") {
    const refused all[] = {
        // settings that contradict each other
        {"UseDevelopmentStorage=true;AccountName=acct", "\"UseDevelopmentStorage\" and \"AccountName\""},
        {"UseDevelopmentStorage=true;TableEndpoint=https://acct.table.core.windows.net", "TableEndpoint"},
        {"UseDevelopmentStorage=true;DefaultEndpointsProtocol=https", "DefaultEndpointsProtocol"},
        {"DevelopmentStorageProxyUri=http://h;ACCT", "DevelopmentStorageProxyUri"},
        {"ACCT;SharedAccessSignature=sig=1", "both"},
        {"ACCT;DefaultEndpointsProtocol=https;TableEndpoint=http://acct.example", "DefaultEndpointsProtocol"},
        {"ACCT;DefaultEndpointsProtocol=http;TableEndpoint=https://acct.example", "TableEndpoint"},
        {"ACCT;TableEndpoint=https://other.table.core.windows.net", "AccountName"},
        {"ACCT;TableEndpoint=https://other.table.cosmos.azure.com:443/", "AccountName"},
        {"ACCT;TableSecondaryEndpoint=https://acct-secondary.table.core.windows.net",
         "TableSecondaryEndpoint"},
        // settings that stand twice
        {"ACCT;EndpointSuffix=a.b;endpointsuffix=a.b", "\"EndpointSuffix\" appears twice"},
        {"ACCT;Other=1;other=1", "twice"},
        // something is missing
        {"AccountName=acct", "neither \"AccountKey\" nor \"SharedAccessSignature\""},
        {"Name=acct;AccountKey=KEY", "\"AccountName\"; unknown: \"Name\""},
        {"AccountName=acct;The Key=KEY", "unknown: a setting"},
        // misspelt, even next to everything that is needed
        {"AcountName=acct;AccountKey=KEY", "unknown setting \"AcountName\"; did you mean \"AccountName\"?"},
        {"AccountName=acct;AccountKy=KEY", "\"AccountKy\""},
        {"AccountName=acct;Acc ountKey=KEY", "unknown setting; did you mean \"AccountKey\"?"},
        {"TableEndpont=https://h;SharedAccessSignature=sig=1", "\"TableEndpont\""},
        {"ACCT;TableEndpiont=http://127.0.0.1:10002/acct", "did you mean \"TableEndpoint\"?"},
        {"ACCT;EndpointSufix=core.chinacloudapi.cn", "did you mean \"EndpointSuffix\"?"},
        {"ACCT;defaultendpointprotocol=http", "did you mean \"DefaultEndpointsProtocol\"?"},
        // a prefix copied from a configuration file
        {"AZURE_STORAGE_CONNECTION_STRING=ACCT", "begins with \"AZURE_STORAGE_CONNECTION_STRING=\""},
        {"AZKV_CONNECTION_STRING=\"ACCT\"", "begins with \"AZKV_CONNECTION_STRING=\""},
        {"export X='UseDevelopmentStorage=true'", "begins with a name and ="},
        {"'ACCT'", "quotation mark"},
        // only another service's endpoint
        {"DefaultEndpointsProtocol=http;ACCT;BlobEndpoint=http://127.0.0.1:10000/acct",
         "\"BlobEndpoint\" but no \"TableEndpoint\""},
        {"BlobEndpoint=https://acct.blob.core.windows.net;SharedAccessSignature=sig=1", "BlobEndpoint"},
        {"ACCT;QueueEndpoint=https://acct.queue.core.chinacloudapi.cn", "QueueEndpoint"},
        {"ACCT;TableEndpoint=https://acct.blob.core.windows.net", "TableEndpoint"},
        {"ACCT;TableEndpoint=https://acct.documents.azure.com:443/", "SQL API"},
        // a table in the path
        {"ACCT;TableEndpoint=https://acct.table.core.windows.net/people", "a table in its path"},
        {"ACCT;TableEndpoint=https://acct.table.cosmos.azure.com/people", "a table in its path"},
        {"ACCT;TableEndpoint=http://127.0.0.1:10002/acct/people", "a table in its path"},
        {"TableEndpoint=http://127.0.0.1:10002/a/people;SharedAccessSignature=?tn=People&sig=1",
         "a table in its path"},
        // not a protocol, not a URL, not a host
        {"ACCT;DefaultEndpointsProtocol=ftp", "DefaultEndpointsProtocol"},
        {"ACCT;DefaultEndpointsProtocol=ftp;TableEndpoint=https://h", "DefaultEndpointsProtocol"},
        {"ACCT;TableEndpoint=nonsense", "TableEndpoint"},
        {"ACCT;TableEndpoint=acct.table.core.windows.net", "TableEndpoint"},
        {"ACCT;TableEndpoint=ftp://h", "TableEndpoint"},
        {"ACCT;TableEndpoint=https://h:65537", "TableEndpoint"},
        {"ACCT;TableEndpoint=https://h/?sv=1&sig=KEY", "TableEndpoint"},
        {"ACCT;TableEndpoint=https://u:KEY@h", "TableEndpoint"},
        {"ACCT;TableEndpoint=https://h;TableSecondaryEndpoint=nonsense", "TableSecondaryEndpoint"},
        {"ACCT;EndpointSuffix=core.windows.net/x", "EndpointSuffix"},
        {"ACCT;EndpointSuffix=https://core.windows.net", "EndpointSuffix"},
        {"ACCT;EndpointSuffix=.core.windows.net", "EndpointSuffix"},
        {"ACCT;EndpointSuffix=a.b:99999", "EndpointSuffix"},
        {"ACCT;EndpointSuffix=a@b", "EndpointSuffix"},
        {"ACCT;EndpointSuffix=table.core.windows.net", "begins with \"table.\""},
        {"UseDevelopmentStorage=yes", "UseDevelopmentStorage"},
        {"UseDevelopmentStorage=true;DevelopmentStorageProxyUri=nonsense", "DevelopmentStorageProxyUri"},
        {"AccountName=a_b;AccountKey=KEY", "AccountName"},
        {"AccountName=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0;AccountKey=acct", "at most 44"},
        {"AccountName=a:b;AccountKey=KEY;TableEndpoint=https://h", "AccountName"},
        {"ACCT;TableEndpoint:https://h", "part 3 is not Name=Value"},
        // empty, or broken into lines
        {"ACCT;EndpointSuffix=", "\"EndpointSuffix\" is empty"},
        {"ACCT;TableEndpoint= ", "\"TableEndpoint\" is empty"},
        {"AccountName=a\nAccountKey=KEY;TableEndpoint=https://h", "AccountName"},
        {"AccountName=a;AccountKey=KEY\n KEY", "\"AccountKey\" contains a space or a line end"},
    };
    for (const refused& r : all) {
        CAPTURE(r.text);
        const std::string why = reason(filled_in(r.text));
        CHECK_MESSAGE(contains(why, r.named), why);
    }
}

TEST_CASE("harmless variations are accepted") {
    constexpr char usual[] = "https://acct.table.core.windows.net";
    const std::pair<const char*, const char*> all[] = {
        {"\xEF\xBB\xBF"
         "ACCT",
         usual},
        {" AccountName = acct ; AccountKey = KEY ; ", usual},
        {"AccountName=acct;\r\nAccountKey=KEY;\r\n", usual},
        {"\nACCT\n", usual},
        {"ACCT;;", usual},
        {"accountNAME=acct;accountKEy=KEY", usual},
        {"Mode=fast;ACCT;BlobEndpoint=https://acct.blob.core.windows.net/;Comment=", usual},
        {"UseDevelopmentStorage=false;ACCT", usual},
        {"ACCT;EndpointSuffix=core.windows.net;BlobEndpoint=https://cdn.example", usual},
        {"ACCT;TableEndpoint=https://tables.example/prefix", "https://tables.example/prefix"},
        {"ACCT;TableEndpoint=https://acct-secondary.table.core.windows.net",
         "https://acct-secondary.table.core.windows.net"},
        {"ACCT;TableEndpoint=https://acct.privatelink.table.core.windows.net/",
         "https://acct.privatelink.table.core.windows.net/"},
        {"ACCT;TableEndpoint=https://acct.z13.table.storage.azure.net",
         "https://acct.z13.table.storage.azure.net"},
        {"ACCT;AccountEndpoint=https://acct.documents.azure.com;TableEndpoint=https://"
         "acct.table.cosmos.azure.com",
         "https://acct.table.cosmos.azure.com"},
        {"ACCT;EndpointSuffix=localhost:10002", "https://acct.table.localhost:10002"},
    };
    for (const auto& [text, endpoint] : all) {
        CAPTURE(text);
        const auto s = parse_connection_string(filled_in(text));
        CHECK(s.endpoint == endpoint);
        CHECK(s.account == "acct");
        const bool same = s.key.reveal() == key;
        CHECK(same);
    }
}

TEST_CASE("the store's constructor reports the same errors") {
    const auto refused = [](const char* text) {
        return test::failure_of([&] { blocking_store::from_connection_string(text); });
    };
    const char* const unset = nullptr;
    CHECK(refused(unset).code() == errc::invalid_connection_string);
    CHECK(contains(refused(unset).what(), "null"));
    asio::io_context context;
    CHECK(test::failure_of([&] { store::from_connection_string(context.get_executor(), unset); }).code()
          == errc::invalid_connection_string);
    for (const auto& [text, named] :
         {std::pair{"AccountName=a;AccountKey=no base64!", "AccountKey"},
          {"AccountName=a;AccountKey=YQ", "AccountKey"},
          {"AccountName=a;SharedAccessSignature=nonsense", "SharedAccessSignature"},
          {"AccountName=a;SharedAccessSignature=https://a/?sig=x", "SharedAccessSignature"}}) {
        const error e = refused(text);
        CHECK(e.code() == errc::invalid_connection_string);
        CHECK_MESSAGE(contains(e.what(), named), std::string(e.what()));
    }
    CHECK(refused("AccountName=a;AccountKey=YQ==;DefaultEndpointsProtocol=http").code()
          == errc::insecure_transport);
    // Endpoints given separately.
    const auto open = [](const char* url, credential c) {
        return test::failure_of([&] { blocking_store(url, c); });
    };
    const error table =
        open("https://acct.table.core.windows.net/people", credential::sas("tn=people&sig=x"));
    CHECK(table.code() == errc::invalid_argument);
    CHECK(contains(table.what(), "a table in its path"));
    CHECK(open("http://127.0.0.1:1/acct/people", credential::sas("sv=1&tn=people&sig=x")).code()
          == errc::invalid_argument);
}

TEST_CASE("the error names what is wrong and repeats nothing that may be secret") {
    CHECK(contains(reason(""), "empty"));
    CHECK(contains(reason(";;"), "empty"));
    CHECK(contains(reason(key), "Name=Value"));
    CHECK(contains(reason(std::string("=") + key), "Name=Value"));
    CHECK(contains(reason("AccountName=a"), "neither"));
    CHECK(contains(reason(std::string("AccountKey=") + key), "AccountName"));
    CHECK(contains(reason(std::string("AccountName=a;AccountKey=") + key + ";accountkey=" + key), "twice"));
    CHECK(contains(reason(std::string(key) + "==;" + key + "=="), "a setting appears twice"));
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
