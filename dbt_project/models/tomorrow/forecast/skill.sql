with

scores as (

    select * from {{ ref('stg_forecast_score') }}

),

territories as (

    select * from {{ ref('dim_territory') }}

),

pooled as (

    -- sums over days before any division: a day with many incidents weighs more than a quiet one
    select
        territory_code,
        category_group,
        evaluation,
        method,
        method not in ({{ quoted(var('baseline_methods')) }}) as is_ours,
        min(forecast_date) as first_forecast_date,
        max(forecast_date) as last_forecast_date,
        count(distinct forecast_date)::integer as day_count,
        sum(incident_count) as incident_count,
        sum(log_score - flat_log_score) / nullif(sum(incident_count), 0) as information_gain,
        sum(poisson_deviance) as poisson_deviance,
        {{ weighted_by_incidents('hit_rate_1') }} as hit_rate_1,
        {{ weighted_by_incidents('hit_rate_2') }} as hit_rate_2,
        {{ weighted_by_incidents('hit_rate_5') }} as hit_rate_5,
        {{ weighted_by_incidents('pai_1') }} as pai_1,
        {{ weighted_by_incidents('pai_2') }} as pai_2,
        {{ weighted_by_incidents('pai_5') }} as pai_5,
        sum(expected_count) / nullif(sum(incident_count), 0) as expected_to_observed

    from scores

    group by territory_code, category_group, evaluation, method

),

best_baseline as (

    select distinct on (territory_code, category_group, evaluation)
        territory_code,
        category_group,
        evaluation,
        method,
        information_gain

    from pooled

    where not is_ours

    order by territory_code asc, category_group asc, evaluation asc, information_gain desc nulls last, method asc

),

final as (

    select
        pooled.territory_code,
        pooled.category_group,
        pooled.evaluation,
        pooled.method,
        pooled.is_ours,
        pooled.first_forecast_date,
        pooled.last_forecast_date,
        pooled.day_count,
        pooled.incident_count,
        pooled.information_gain,
        best_baseline.method as best_baseline_method,
        pooled.poisson_deviance,
        pooled.hit_rate_1,
        pooled.hit_rate_2,
        pooled.hit_rate_5,
        pooled.pai_1,
        pooled.pai_2,
        pooled.pai_5,
        pooled.expected_to_observed,
        territories.is_simulated,
        pooled.information_gain - best_baseline.information_gain as gain_over_best_baseline

    from pooled

    left join best_baseline
        on
            pooled.territory_code = best_baseline.territory_code
            and pooled.category_group = best_baseline.category_group
            and pooled.evaluation = best_baseline.evaluation

    left join territories
        on pooled.territory_code = territories.territory_code

)

select * from final
