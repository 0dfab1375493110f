with

days as (

    select day::date as calendar_date

    from generate_series(date '2000-01-01', date '2049-12-31', interval '1 day') as series (day)

    -- a day never changes: only what is missing is added
    {% if is_incremental() %}
        where day::date not in (select calendar_date from {{ this }})
    {% endif %}

),

final as (

    select
        calendar_date,
        extract(year from calendar_date)::integer as year_number,
        extract(quarter from calendar_date)::integer as quarter_number,
        extract(month from calendar_date)::integer as month_number,
        extract(day from calendar_date)::integer as day_of_month,
        extract(doy from calendar_date)::integer as day_of_year,
        date_trunc('month', calendar_date)::date as month_start_date,
        extract(isoyear from calendar_date)::integer as iso_year,
        extract(week from calendar_date)::integer as iso_week,
        date_trunc('week', calendar_date)::date as week_start_date,
        extract(isodow from calendar_date)::integer as iso_weekday,
        to_char(calendar_date, 'FMDay') as weekday_name,
        extract(isodow from calendar_date) >= 6 as is_weekend

    from days

)

select * from final
