{#- No CTEs: PostgreSQL does not merge a view that has one into the query that reads it, and would read all of it. -#}
select
    declared.territory_code,
    declared.source_category_code,
    declared.category_code,
    declared.detection_mode
from {{ ref('stg_category_map') }} as declared
union all
select
    listed.territory_code,
    listed.source_category_code,
    listed.category_code,
    listed.detection_mode
from {{ ref('category_map') }} as listed
left join {{ ref('stg_category_map') }} as declared
    on
        listed.territory_code = declared.territory_code
        and listed.source_category_code = declared.source_category_code
where declared.territory_code is null
