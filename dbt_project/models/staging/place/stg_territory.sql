select
    territory_code,
    territory_name,
    country_code,
    timezone,
    is_simulated,
    epsg,
    cell_size_m
from {{ source('raw', 'territory') }}
