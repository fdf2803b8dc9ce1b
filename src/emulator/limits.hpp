// The limits of the service.
#pragma once

#include <azkv/value.hpp>

#include <cstddef>
#include <limits>

namespace azkv::emulation {

/// The limits of the service. Lengths of texts are in UTF-16 units unless stated in bytes.
/// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model,
/// https://learn.microsoft.com/azure/cosmos-db/table/faq)
class limits {
public:
    explicit constexpr limits(service_mode mode) {
        if (mode == service_mode::storage) return;
        constexpr std::size_t two_megabytes = 2 << 20;
        max_text = max_binary = max_entity_bytes = max_body = two_megabytes;
        max_key = 1024;
        max_partition_key_bytes = 1024;
        max_row_key_bytes = 255;
        max_table_name = 254;
        min_table_name = 1;
        max_top = 1'000'000;
        max_properties = max_property_name = std::numeric_limits<std::size_t>::max(); // none is known
    }

    std::size_t max_properties = 252; // without the system properties
    std::size_t max_property_name = 255;
    std::size_t max_key = 512;
    std::size_t max_partition_key_bytes = 3 * 512; // as many as `max_key` units can take
    std::size_t max_row_key_bytes = 3 * 512;
    std::size_t max_text = 32'768;
    std::size_t max_binary = 65'536; // bytes
    std::size_t max_entity_bytes = 1 << 20;
    std::size_t max_body = 4 << 20; // bytes
    std::size_t min_table_name = 3;
    std::size_t max_table_name = 63;
    std::size_t max_top = 1'000;

    static constexpr std::size_t page_rows = 1'000;
    static constexpr std::size_t page_bytes = 4 << 20;
    // The service scans for 5 seconds. Here a fixed number of rows makes the results reproducible.
    static constexpr std::size_t page_scan = 20'000;
    // Of rows with a filter: fewer rows if that is long.
    static constexpr std::size_t page_comparisons = 1'000'000;
    // Cosmos DB documents it as well. It has taken 101, but a client that relies on it may be refused.
    static constexpr std::size_t batch_operations = 100;
    static constexpr std::size_t access_policies = 5;
};

} // namespace azkv::emulation
